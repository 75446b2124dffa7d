--- @include "@darkroom/redis/scripts/now"
--- @include "asked"
--- @include "deployment-state"
-- Notes what came of a call of a deployment. What came of a call that is not under way any more changes nothing, so it is safe to repeat.
--   KEYS[1] its state, see deployment-state.lua  KEYS[2], KEYS[3] its calls under way, and what it was asked for: see calls.lua, asked.lua
--   ARGV[1] names the call  ARGV[2] 'ok', 'answered' (the caller's fault), 'limited', 'failed', 'broken' (the account or the model is wrong),
--   'dropped' (nothing is known), 'unused' (it was never made), or 'accepted' (it is still under way, and was not refused)
--   ARGV[3] milliseconds since it was begun  ARGV[4] milliseconds that the upstream asks us to wait, or 0
--   ARGV[5] the first pause after a limit  ARGV[6] the longest  ARGV[7] share of our own pause that is added
--   ARGV[8] failures that close it  ARGV[9] the first pause after them  ARGV[10] the longest, both in milliseconds
--   ARGV[11] the pace from which on it is not held back  ARGV[12] milliseconds until all this is forgotten
--   ARGV[13] the second in which it was chosen  ARGV[14] its requests  ARGV[15] its images
-- Answers the milliseconds for which the deployment is closed.
local outcome, begun_ago = ARGV[2], tonumber(ARGV[3])
local time = now()
local state = read_state(KEYS[1], time)
local closed_until, reason, closings, failures, pace = state.closed_until, state.reason, state.closings, state.failures, state.pace

local function closed_for()
  return math.max(math.ceil(closed_until - time), 0)
end

if outcome == 'accepted' then
  if not unless_wrong_type('ZSCORE', KEYS[2], ARGV[1]) then return closed_for() end
  -- A limit refuses at once, so a call that goes on is within it. An upstream that hangs lets calls go on, too, and fails them all in the end.
  if reason == 'failures' then return closed_for() end
elseif unless_wrong_type('ZREM', KEYS[2], ARGV[1]) ~= 1 then
  return closed_for()
end

if outcome == 'unused' then count_asked(KEYS[3], math.floor(time / 1000), tonumber(ARGV[13]), -ARGV[14], -ARGV[15]) end
if outcome == 'unused' or outcome == 'dropped' then return closed_for() end

if state.is_damaged then redis.call('DEL', KEYS[1]) end

-- A call that began before the deployment opened belongs to the closing: twenty calls that are refused at once count once.
local is_earlier = time - begun_ago < closed_until

local function close(why, for_ms)
  closed_until = math.max(closed_until, time + for_ms)
  -- stylua: ignore
  redis.call('HSET', KEYS[1], 'closedUntil', string.format('%d', math.ceil(closed_until)), 'notedAt', string.format('%d', time),
    'reason', why, 'closings', closings, 'pace', 1)
end

if outcome == 'limited' then
  if not is_earlier then closings = reason == 'limit' and closings + 1 or 1 end
  local own = math.min(ARGV[5] * 2 ^ math.max(closings - 1, 0), tonumber(ARGV[6]))
  -- Jitter is only added, so that services that share an account return one after the other, and none returns early.
  close('limit', math.max(own, tonumber(ARGV[4])) + own * ARGV[7])
elseif outcome == 'failed' or outcome == 'broken' then
  failures = failures + 1
  redis.call('HSET', KEYS[1], 'failures', failures)
  local is_probe = pace and reason == 'failures'
  if not is_earlier and (outcome == 'broken' or is_probe or failures >= tonumber(ARGV[8])) then
    closings = reason == 'failures' and closings + 1 or 1
    close('failures', math.min(ARGV[9] * 2 ^ (closings - 1), tonumber(ARGV[10])))
  end
else
  if outcome == 'ok' then
    local mean = state.service or begun_ago
    redis.call('HSET', KEYS[1], 'serviceMs', string.format('%d', mean + (begun_ago - mean) / 5))
  end
  if outcome ~= 'accepted' and not is_earlier then redis.call('HDEL', KEYS[1], 'failures') end
  if pace and not is_earlier then
    if pace * 2 > tonumber(ARGV[11]) then
      redis.call('HDEL', KEYS[1], 'pace', 'closings', 'reason', 'closedUntil', 'notedAt')
    else
      redis.call('HSET', KEYS[1], 'pace', pace * 2)
    end
  end
end
redis.call('PEXPIRE', KEYS[1], closed_for() + ARGV[12])
return closed_for()
