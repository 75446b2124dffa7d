-- The place of a new job among the waiting ones, as BullMQ's priority: lower goes first, and among equals the earlier.
-- Start-time fair queueing (Goyal, Vin, Cheng 1996): a tenant's next rank follows its own last one, so that its jobs stay in order, but
-- is never behind the rank that the lane has come to, so that one who has waited for nothing does not pay for the thousands of others.
--   `ranks` is a HASH tenant → its last rank, and '' → the rank that the lane has come to. It starts from zero when the lane is empty.

local function next_rank(ranks, tenant)
  local last, reached = unpack(redis.call('HMGET', ranks, tenant, ''))
  local rank = math.max(tonumber(last) or 0, tonumber(reached) or 0) + 1
  redis.call('HSET', ranks, tenant, rank)
  return rank
end

local function reach_rank(ranks, rank)
  local reached = tonumber(redis.call('HGET', ranks, '')) or 0
  if rank > reached then redis.call('HSET', ranks, '', rank) end
end

-- A tenant with nothing left has no place to keep, and an empty lane none to remember.
local function leave_ranks(ranks, pending, tenant)
  if redis.call('EXISTS', pending) == 0 then
    redis.call('DEL', ranks)
  else
    redis.call('HDEL', ranks, tenant)
  end
end
