-- Shared by the scripts that move a generation from state to state.
--   KEYS[1] record    KEYS[2] running   KEYS[3] queued  KEYS[4] expiring
--   KEYS[5] pending of the lane         KEYS[6] retained KEYS[7] outbox    KEYS[8] ranks of the lane
--   and as the last key the root of all names, for the account of the API key (packages/accounts/src/scripts)

local root = KEYS[#KEYS]

local function is_ending(status)
  return status ~= 'queued' and status ~= 'running'
end

-- Publishes a message on every channel of a list of names with spaces between.
local function tell(channels, message)
  for channel in string.gmatch(channels or '', '%S+') do
    redis.call('PUBLISH', channel, message)
  end
end

-- Writes a change of state to the record, and tells the watchers. The version, incremented, is the id of the event that they are shown.
-- `version` and `watchers` are the values before the change, `fields` is the change.
local function move(id, version, watchers, fields)
  redis.call('HSET', KEYS[1], 'version', (tonumber(version) or 0) + 1, unpack(fields))
  tell(watchers, id .. ' changed')
end
