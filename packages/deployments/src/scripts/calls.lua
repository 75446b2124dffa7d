--- @include "unless-wrong-type"
-- The calls of a deployment that are under way. In Redis it is a ZSET of what names each, by the time at which it stops counting.

-- Has a call count for so many milliseconds from now. A key of another type makes way, so that it keeps no other call from counting.
local function hold_call(calls, call, time, lease)
  local ends = string.format('%d', time + lease)
  if not unless_wrong_type('ZADD', calls, ends, call) then
    redis.call('DEL', calls)
    redis.call('ZADD', calls, ends, call)
  end
  -- Workers may have leases of different lengths: the longest keeps the key.
  if redis.call('PTTL', calls) < lease then redis.call('PEXPIRE', calls, lease) end
end
