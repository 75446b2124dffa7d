-- Whether nothing more is begun for an API key: it was disabled or deleted, or its time is over. One of API_KEYS has no record here, and
-- nothing stops it.
--   root .. 'key:' .. key  HASH: the key, see keys/key-record.ts; of a deleted one its end is left
local function is_stopped(root, key, time)
  local status, expires, deleted = unpack(redis.call('HMGET', root .. 'key:' .. key, 'status', 'expiresAt', 'deletedAt'))
  return deleted or status == 'disabled' or (expires and time >= tonumber(expires))
end
