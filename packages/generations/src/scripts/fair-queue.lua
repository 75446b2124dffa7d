-- The rank of a new job among the waiting jobs: a lower rank goes first, and of equal ranks the earlier job. Ranks are exact up to 2^53.
-- lane-priority.lua makes BullMQ's priorities of the ranks of lanes; the queue of webhook deliveries needs none.
-- Start-time fair queueing (Goyal, Vin, Cheng 1996): a tenant's next rank is one more than its last, so that its jobs stay in order, but at
-- least the rank that the lane has come to, so that a tenant that was idle gets no advance for that.
--   `ranks` is a HASH tenant → its last rank, and '' → the rank that the lane has come to. It starts from zero when the lane is empty.

-- `last` is the last rank of the tenant, `reached` the rank that the lane has come to.
local function rank_after(last, reached)
  return math.max(tonumber(last) or 0, tonumber(reached) or 0) + 1
end

local function next_rank(ranks, tenant)
  local rank = rank_after(unpack(redis.call('HMGET', ranks, tenant, '')))
  redis.call('HSET', ranks, tenant, rank)
  return rank
end

local function reach_rank(ranks, rank)
  local reached = tonumber(redis.call('HGET', ranks, '')) or 0
  if rank > reached then redis.call('HSET', ranks, '', rank) end
end

-- The rank of a tenant without jobs is dropped, and those of an empty lane.
local function leave_ranks(ranks, pending, tenant)
  if redis.call('EXISTS', pending) == 0 then
    redis.call('DEL', ranks)
  else
    redis.call('HDEL', ranks, tenant)
  end
end
