--- @include "fair-queue"
-- The priority of a job on its lane, from its rank (fair-queue.lua). Ranks grow for as long as a lane is never empty, and BullMQ's (6.7)
-- priorities end at 2,097,151. So a priority is the rank less the base of the lane, and the base is raised before priorities come to their
-- end. The rank in a record never changes.
--
-- A new base changes the priority of each waiting job. Those are too many for one script, so each start of an attempt moves a few, lowest
-- priority first, as Redis moves the entries of a hash table that it resizes. The order of the line is that of the ranks after each step:
-- what has been moved is below the frontier, and comes before all that has not. A new job below the frontier counts from the new base, and
-- one above it from the former base. No worker owns this: a worker that dies leaves the rest to the next start.
--
-- A job can come to the line late, with a priority that counts from a former base: an api had computed it before the base was raised, or
-- BullMQ put a job that had begun back with the priority in the job's hash. Such a priority is too high, never too low. It is higher than
-- that of the highest rank, so the next starts find the job at the end of the line and move it.
--
-- Fields of the HASH `ranks` beside those of fair-queue.lua; no tenant has a colon in its name. They are absent until the first raise, and
-- go with the hash when the lane is empty:
--   ':base'      what priorities count from    ':highest'   no waiting job has a higher rank
--   while jobs are moved also:
--   ':former'    the base before               ':frontier'  the jobs of lower ranks have been moved

-- The base is raised when the lane has come to this priority: half of them are left, for the jobs that wait and those that come meanwhile.
local raise_at = 1048576
-- Ranks that the new base leaves below the one that the lane has come to. Jobs that have begun and come back keep their order within them;
-- older ones are first in line.
local ranks_kept = 131072
-- Jobs that one start moves, each some 10 µs of Redis.
local moved_at_once = 20

local largest_priority = 2097151
-- BullMQ's score is priority * 2^32 + a counter that orders jobs of one priority.
local priority_step = 4294967296

local function priority_from(base, rank)
  return math.min(math.max(rank - base, 1), largest_priority)
end

local function priority_at(rank, base, former, frontier)
  rank = tonumber(rank) or 1
  if former and rank >= (tonumber(frontier) or 0) then base = former end
  return priority_from(tonumber(base) or 0, rank)
end

-- The priority that a job of a rank is to be added with.
local function priority_of(ranks, rank)
  return priority_at(rank, unpack(redis.call('HMGET', ranks, ':base', ':former', ':frontier')))
end

-- The rank of a new job, and its priority.
local function rank_job(ranks, tenant)
  local last, reached, highest, base, former, frontier =
    unpack(redis.call('HMGET', ranks, tenant, '', ':highest', ':base', ':former', ':frontier'))
  local rank = rank_after(last, reached)
  redis.call('HSET', ranks, tenant, rank)
  if highest and rank > tonumber(highest) then redis.call('HSET', ranks, ':highest', rank) end
  return rank, priority_at(rank, base, former, frontier)
end

-- Notes that the lane has come to the rank of a job that begins, raises the base of the lane if it is time, and moves some of the jobs whose
-- priority counts from a former base. `lane` begins the names of what BullMQ keeps of the lane.
local function begin_rank(root, ranks, lane, rank)
  local reached, base, former, frontier, highest = unpack(redis.call('HMGET', ranks, '', ':base', ':former', ':frontier', ':highest'))
  reached, base, former, highest = tonumber(reached) or 0, tonumber(base) or 0, tonumber(former), tonumber(highest) or 0
  if rank > reached then
    redis.call('HSET', ranks, '', rank)
    reached = rank
  end
  local is_due = not former and reached - base >= raise_at
  if base == 0 and not is_due then return end
  local line = lane .. 'prioritized'
  if is_due then
    former, base = base, reached - ranks_kept
    frontier = base
    local last = tonumber(redis.call('ZRANGE', line, -1, -1, 'WITHSCORES')[2]) or 0
    highest = math.max(highest, reached, former + math.floor(last / priority_step))
    redis.call('HSET', ranks, ':base', base, ':former', former, ':frontier', frontier, ':highest', highest)
  end

  frontier = tonumber(frontier) or base
  local above = ((former and frontier or highest) - base + 1) * priority_step
  local found = redis.call('ZRANGEBYSCORE', line, above, '+inf', 'WITHSCORES', 'LIMIT', 0, moved_at_once)
  if #found == 0 then
    if former then redis.call('HDEL', ranks, ':former', ':frontier') end
    return
  end
  local scores = {}
  for at = 1, #found, 2 do
    local id, score = found[at], tonumber(found[at + 1])
    -- What has no rank, or cannot be read, goes first in line: a worker takes it, and finds out what becomes of it.
    local value = redis.pcall('HGET', root .. 'generation:' .. id, 'rank')
    local rank = type(value) == 'string' and tonumber(value) or 0
    if former then
      frontier = math.max(frontier, rank)
    else
      highest = math.max(highest, rank)
    end
    local priority = priority_from(base, rank)
    scores[#scores + 1] = priority * priority_step + score % priority_step
    scores[#scores + 1] = id
    -- BullMQ reads it where it puts the job back in line. A job without a hash is left to recovery, which would take a new hash for a job.
    if redis.pcall('HEXISTS', lane .. id, 'priority') == 1 then redis.call('HSET', lane .. id, 'priority', priority) end
  end
  redis.call('ZADD', line, 'XX', unpack(scores))
  if former then
    redis.call('HSET', ranks, ':frontier', frontier)
  else
    redis.call('HSET', ranks, ':highest', highest)
  end
end
