--- @include "calendar"
-- What an API key has active and has spent. Only the functions here read and change it, in the scripts that move a generation, so that
-- nothing is reserved without a generation and nothing ends without being settled.
--   root .. 'account:' .. key         HASH: active, queued (generations), reserved, total, daySpent, monthSpent (micros), day, month
--   root .. 'account-window:' .. key  LIST: its admissions of the last minute, see rate-limit.lua

-- The day to which spending is counted. It is today, or tomorrow where the clock was set back over midnight, as by a failover to a Redis
-- whose clock is behind: what was spent tomorrow must still count. A clock that was further ahead was wrong, and its days do not count.
local function spending_day(noted, time)
  local today = calendar(time)
  if noted and noted > today and noted == calendar(time + day_ms) then return noted end
  return today
end

-- What was spent in the current day and month. Sums of another day or month count as zero.
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
