--- @include "@darkroom/redis/scripts/now"
-- Renews the leases of deliveries that a worker posts.
--   KEYS[1] deliveries that are not settled  KEYS[2] begins the names of deliveries
--   ARGV[1] milliseconds of a lease  ARGV[2…] id, number of the take, …
-- Answers those that belong to another by now, or are settled: id, number of the take, …
local at, lost = now() + ARGV[1], {}
for i = 2, #ARGV, 2 do
  local status, takes = unpack(redis.call('HMGET', KEYS[2] .. ARGV[i], 'status', 'takes'))
  if status == 'pending' and takes == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], at, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
    lost[#lost + 1] = ARGV[i + 1]
  end
end
return lost
