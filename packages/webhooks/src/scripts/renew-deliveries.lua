--- @include "delivery-queue"
--- @include "@darkroom/redis/scripts/now"
-- Renews the leases of deliveries that a worker posts. One whose lease was over, and which no other worker has taken since, leaves the line:
-- it would be posted twice.
--   KEYS[1] deliveries that are not settled  KEYS[2] root of all names
--   ARGV[1] milliseconds of a lease  ARGV[2…] id, number of the take, …
-- Answers those that belong to another by now, or are settled: id, number of the take, …
local at, lost = now() + ARGV[1], {}
for i = 2, #ARGV, 2 do
  local status, tenant, origin, takes = describe(ARGV[i])
  if status == 'pending' and tenant and takes == ARGV[i + 1] then
    leave_line(ARGV[i], tenant, origin)
    redis.call('ZADD', KEYS[1], at, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
    lost[#lost + 1] = ARGV[i + 1]
  end
end
return lost
