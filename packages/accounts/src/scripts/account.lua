--- @include "calendar"
-- What an API key has under way and has spent. Told and changed only here, by the scripts that move a generation, so that nothing is
-- reserved without a generation and nothing ends without being settled.
--   root .. 'account:' .. key         HASH: active, queued (generations), reserved, total, daySpent, monthSpent (micros), day, month
--   root .. 'account-window:' .. key  LIST: its admissions of the last minute, see rate-limit.lua

-- The day that is spent on. It is today; or tomorrow, where the clock was set back over midnight, as by a failover to a Redis that is
-- behind: what was spent there must not be forgotten. A clock that was further ahead than that was wrong, and its days count for nothing.
local function spending_day(noted, time)
  local today = calendar(time)
  if noted and noted > today and noted == calendar(time + day_ms) then return noted end
  return today
end

-- What is spent in the present day and month: what was counted in another is over.
local function read_account(account, time)
  local values = redis.call('HMGET', account, 'active', 'queued', 'reserved', 'total', 'day', 'daySpent', 'month', 'monthSpent')
  local today = spending_day(values[5], time)
  return {
    today = today,
    active = tonumber(values[1]) or 0,
    queued = tonumber(values[2]) or 0,
    reserved = tonumber(values[3]) or 0,
    total = tonumber(values[4]) or 0,
    day = values[5] == today and tonumber(values[6]) or 0,
    month = values[7] == string.sub(today, 1, 7) and tonumber(values[8]) or 0,
  }
end
