-- Unix milliseconds by the clock of Redis, which is the only one that is believed (docs/decisions/0005-one-clock.md).
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
