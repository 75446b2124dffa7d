--- @include "@darkroom/generations/scripts/fair-queue"
-- Webhook deliveries that are due and wait for a slot, in fair order. Each tenant has a queue for each origin, so that a worker passes over a
-- tenant or an origin that has all its slots in use without looking at what waits for it.
--   root .. 'delivery-tenants'            ZSET of tenants by the rank of the first delivery of each
--   root .. 'delivery-origins:' tenant    ZSET of the origins of a tenant by the rank of the first delivery for each
--   root .. 'delivery-queue:' tenant ':' origin   ZSET of delivery ids by rank
--   root .. 'delivery-ranks'              HASH of start tags: see fair-queue.lua
-- Each script that includes this has the root of all names as its last key.

local root = KEYS[#KEYS]
local tenants, ranks = root .. 'delivery-tenants', root .. 'delivery-ranks'

local function origins_of(tenant)
  return root .. 'delivery-origins:' .. tenant
end

local function queue_of(tenant, origin)
  return root .. 'delivery-queue:' .. tenant .. ':' .. origin
end

-- Puts a delivery in line, or finds it there. Both indexes are written each time: one that was lost is made again.
local function enqueue(id, tenant, origin)
  local queue = queue_of(tenant, origin)
  local rank = redis.call('ZSCORE', queue, id) or next_rank(ranks, tenant)
  redis.call('ZADD', queue, rank, id)
  redis.call('ZADD', origins_of(tenant), 'LT', rank, origin)
  redis.call('ZADD', tenants, 'LT', rank, tenant)
end

-- Has an index say what the first of a list is by now. False where the list is empty.
local function index_first(index, member, list)
  local first = redis.call('ZRANGE', list, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', index, first[2], member)
  else
    redis.call('ZREM', index, member)
  end
  return first[2] ~= nil
end

-- Has both indexes say what the first of a queue is by now.
local function index_queue(tenant, origin)
  index_first(origins_of(tenant), origin, queue_of(tenant, origin))
  if index_first(tenants, tenant, origins_of(tenant)) then return end
  redis.call('HDEL', ranks, tenant)
  if redis.call('EXISTS', tenants) == 0 then redis.call('DEL', ranks) end
end

-- Takes the first delivery of a tenant for an origin out of the line. Answers its id and rank; nothing where there is none.
local function dequeue(tenant, origin)
  local id, rank = unpack(redis.call('ZPOPMIN', queue_of(tenant, origin)))
  if rank then reach_rank(ranks, tonumber(rank)) end
  index_queue(tenant, origin)
  return id, rank
end

-- Takes a delivery out of the line, if it is there. A delivery whose lease ends is put in line, and its worker may be heard of after that.
local function leave_line(id, tenant, origin)
  if redis.call('ZREM', queue_of(tenant, origin), id) == 1 then index_queue(tenant, origin) end
end

-- What a delivery says of itself: status, tenant, origin, number of the latest take, that of the latest replay, time of the next attempt. One of
-- an older release names no origin: its host and port stand for it. No tenant: it cannot be read, or is not there (then there is no
-- status either).
local function describe(id)
  local names = { 'status', 'tenant', 'origin', 'url', 'takes', 'replayTake', 'nextAttemptAtMs' }
  local fields = redis.pcall('HMGET', root .. 'delivery:' .. id, unpack(names))
  if fields.err then return 'unreadable' end
  local status, tenant, origin, url, takes, replay_take, next_attempt = unpack(fields)
  origin = origin or (url and string.match(url, '^%a+://([^/?#]*)')) or ''
  return status, tenant, origin, takes, replay_take, next_attempt
end
