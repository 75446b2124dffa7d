-- What a loop of the service could not deal with and has set aside.
--   root .. 'quarantine'  HASH id → 'Unix-milliseconds JSON': since when, and what quarantine.ts notes
--   root .. 'quarantine-seen'  ZSET of the same ids by the time at which a loop last came upon each

-- The same id as in quarantine.ts.
local function quarantine_id(kind, subject)
  return 'qua_' .. string.sub(redis.sha1hex(kind .. ' ' .. subject), 1, 20)
end

local function leave_quarantine(root, id)
  redis.call('ZREM', root .. 'quarantine-seen', id)
  redis.call('HDEL', root .. 'quarantine', id)
end

-- For what has been dealt with, in the script that deals with it.
local function release(root, kind, subjects)
  if redis.call('EXISTS', root .. 'quarantine') == 0 then return end
  for _, subject in ipairs(subjects) do
    leave_quarantine(root, quarantine_id(kind, subject))
  end
end
