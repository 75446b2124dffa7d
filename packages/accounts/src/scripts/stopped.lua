-- Whether an API key is stopped, so that none of its generations begin: it was disabled or deleted, or has expired. A key of API_KEYS has no
-- record here and is never stopped.
--   root .. 'key:' .. key  HASH: the key, see keys/key-record.ts; a deleted key still has `deletedAt`
local function is_stopped(root, key, time)
  local status, expires, deleted = unpack(redis.call('HMGET', root .. 'key:' .. key, 'status', 'expiresAt', 'deletedAt'))
  return deleted or status == 'disabled' or (expires and time >= tonumber(expires))
end
