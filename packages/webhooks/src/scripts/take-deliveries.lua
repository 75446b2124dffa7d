--- @include "delivery-queue"
--- @include "@darkroom/redis/scripts/now"
-- Puts in line what is due, and takes for a worker as many deliveries as it has slots for. What is taken is due again when its lease ends, so
-- that another worker takes it when this one dies. The order is that of the ranks; passed over are tenants and origins with no slot left.
--   KEYS[1] deliveries that are not settled  KEYS[2] root of all names
--   ARGV[1] free slots  ARGV[2] the part of the free slots that one tenant may hold, as its divisor  ARGV[3] slots for one origin
--   ARGV[4] milliseconds of a lease  ARGV[5] milliseconds until what waits in line is looked at again
--   ARGV[6] milliseconds until what cannot be read is looked at again  ARGV[7] the most that is put in line
--   ARGV[8] the most that is taken  ARGV[9] number of tenants that hold slots; then tenant, slots, …; then origin, slots, …
--     Slots of an origin are counted as if all origins had the same limit: they are below zero where it may hold more.
-- Answers how many were due; id, tenant, origin, number of the take, … of each taken delivery; ids that cannot be read; and 1 where
-- deliveries are left in line, else 0.
local time = now()
local unreadable = {}

local function put_off(id, ms)
  redis.call('ZADD', KEYS[1], time + ms, id)
end

local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time, 'LIMIT', 0, ARGV[7])
for _, id in ipairs(due) do
  local status, tenant, origin = describe(id)
  if status == 'pending' and tenant then
    enqueue(id, tenant, origin)
    put_off(id, ARGV[5])
  elseif status == 'pending' or status == 'unreadable' then
    unreadable[#unreadable + 1] = id
    put_off(id, ARGV[6])
  else
    redis.call('ZREM', KEYS[1], id)
  end
end

local free, divisor, per_origin = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local by_tenant, by_origin, origins_held = {}, {}, 0
local last_tenant = 9 + 2 * ARGV[9]
for at = 10, last_tenant, 2 do
  by_tenant[ARGV[at]] = tonumber(ARGV[at + 1])
end
for at = last_tenant + 1, #ARGV, 2 do
  by_origin[ARGV[at]] = tonumber(ARGV[at + 1])
  origins_held = origins_held + 1
end

-- The share of a tenant falls as slots run out, so that a newcomer finds one free however many tenants hold theirs.
local function has_share(tenant)
  return (by_tenant[tenant] or 0) < math.max(1, math.floor(free / divisor))
end

-- The first origin of a tenant that has a slot left, and the rank of what waits for it. Only origins that this worker posts to are full.
local function candidate_of(tenant)
  local origins = redis.call('ZRANGE', origins_of(tenant), 0, origins_held, 'WITHSCORES')
  for at = 1, #origins, 2 do
    local origin = origins[at]
    if (by_origin[origin] or 0) < per_origin then return { tenant = tenant, origin = origin, rank = tonumber(origins[at + 1]) } end
  end
  return nil
end

-- More tenants that wait for nothing but the few origins that are full here are not looked behind.
local waiting = free > 0 and redis.call('ZRANGE', tenants, 0, 999, 'WITHSCORES') or {}
local candidates = {}

-- Ranks only grow while this runs: a tenant further behind has nothing before the rank that it came with.
local function best_candidate()
  local best
  for at = 1, #waiting, 2 do
    local tenant = waiting[at]
    if best and best.rank <= tonumber(waiting[at + 1]) then break end
    if has_share(tenant) then
      if candidates[tenant] == nil then candidates[tenant] = candidate_of(tenant) or false end
      local candidate = candidates[tenant]
      if candidate and (by_origin[candidate.origin] or 0) >= per_origin then
        candidate = candidate_of(tenant) or false
        candidates[tenant] = candidate
      end
      if candidate and (not best or candidate.rank < best.rank) then best = candidate end
    end
  end
  return best
end

local taken = {}
-- Some may be settled by now, or not kept any more. They are taken out of the line, and the next script goes on behind them.
local left = tonumber(ARGV[8])
local looks = left + 100
while free > 0 and left > 0 and looks > 0 do
  looks = looks - 1
  local best = best_candidate()
  if not best then break end
  local tenant, origin = best.tenant, best.origin
  candidates[tenant] = nil
  local id = dequeue(tenant, origin)
  if id and describe(id) == 'pending' then
    free, left = free - 1, left - 1
    by_tenant[tenant] = (by_tenant[tenant] or 0) + 1
    if not by_origin[origin] then origins_held = origins_held + 1 end
    by_origin[origin] = (by_origin[origin] or 0) + 1
    put_off(id, ARGV[4])
    local take = redis.call('HINCRBY', root .. 'delivery:' .. id, 'takes', 1)
    for _, field in ipairs({ id, tenant, origin, tostring(take) }) do
      taken[#taken + 1] = field
    end
  end
end
return { #due, taken, unreadable, redis.call('EXISTS', tenants) }
