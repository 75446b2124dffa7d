--- @include "@darkroom/redis/scripts/now"
--- @include "visit-record"
--- @include "correct-sum"
--- @include "correct-memory"
-- One step of an audit: a slow walk through all records that repairs the lists and recounts the sums. The step reads the position of the
-- audit, continues from there, and stores the new position, so that any worker may take the next step.
--   KEYS[1] the root of all names
--   ARGV[1] worker  ARGV[2] milliseconds for which the audit is its own  ARGV[3] run id of the Redis server
--   ARGV[4] about how many names to look at  ARGV[5] milliseconds from one pass to the next  ARGV[6] retention in milliseconds
-- Answers { milliseconds until the next step is due, what was mended, jobs that may be left over, names that could not be visited }. Of
-- jobs, lane and id by turns; of names, name and error by turns.
local root, worker, retention_ms = KEYS[1], ARGV[1], ARGV[6]
local time = now()
local audit, sums = root .. 'audit', root .. 'audit-sums'
local holder, held, epoch, phase, cursor, run, due, last =
  unpack(redis.call('HMGET', audit, 'holder', 'heldUntil', 'epoch', 'phase', 'cursor', 'run', 'dueAt', 'lastEpoch'))
-- Milliseconds until a time that was set so far ahead. A time that is further away was set before the clock was set back.
local function left_until(at, ahead_ms)
  local left = (tonumber(at) or 0) - time
  return left > 0 and left <= tonumber(ahead_ms) and left
end
local busy = holder and holder ~= worker and left_until(held, ARGV[2])
local pause = busy or (not epoch and left_until(due, ARGV[5]))
if pause then return { pause, {}, {}, {} } end

-- A Redis at its memory limit refuses this command, and with it the whole step. A step that was refused in part would count wrongly.
redis.call('HSET', audit, 'holder', worker, 'heldUntil', time + ARGV[2])

-- A cursor of SCAN is invalid after a restart or a failover of the server.
if not epoch or run ~= ARGV[3] then
  -- No two passes have the same epoch, or records would pass for counted.
  epoch = string.format('%d', math.max(time, (tonumber(epoch or last) or 0) + 1))
  phase, cursor, run = 'records', '0', ARGV[3]
  redis.call('DEL', root .. 'audit-differences')
  redis.call('UNLINK', sums)
  begin_memory(root)
end

local repairs, leftovers, faults = {}, {}, {}
local found, step_sums = nil, { under_way = {}, held = {} }
local visit = {
  generation = function(id, name)
    visit_record(root, id, name, epoch, retention_ms, repairs, found, step_sums)
  end,
  forgotten = function(id)
    put_on(root .. 'retained', time, id, repairs)
  end,
  -- Sums that no record may stand for any more are looked at, too.
  account = function(key, name)
    for _, field in ipairs(under_way_fields) do
      if (redis.call('HGET', name, field) or '0') ~= '0' then redis.call('HINCRBY', sums, name .. ' ' .. field, 0) end
    end
  end,
  pending = function(lane, name)
    for _, tenant in ipairs(redis.call('HKEYS', name)) do
      redis.call('HINCRBY', sums, name .. ' ' .. tenant, 0)
    end
  end,
  ranks = function(lane)
    redis.call('HINCRBY', sums, root .. 'pending:' .. lane .. ' ', 0)
  end,
  lane = function(rest)
    local lane, id = string.match(rest, '^([^:]+):(gen_%w+)$')
    -- What is on the list of a state has a record of that state, as this audit sees to.
    for _, state in ipairs({ 'queued', 'running' }) do
      local has = found.lists[root .. state]
      if id and has and has[id] then return end
    end
    local status = id and redis.call('HGET', root .. 'generation:' .. id, 'status')
    if id and status ~= 'queued' and status ~= 'running' then
      leftovers[#leftovers + 1] = lane
      leftovers[#leftovers + 1] = id
    end
  end,
}

local page
if phase == 'records' then
  page = redis.call('SCAN', cursor, 'MATCH', root .. '*', 'COUNT', ARGV[4])
  local ids, job_ids = {}, {}
  for _, name in ipairs(page[2]) do
    local rest = string.sub(name, #root + 1)
    ids[#ids + 1] = string.match(rest, '^generation:(.*)$')
    job_ids[#job_ids + 1] = string.match(rest, '^lane:[^:]+:(gen_%w+)$')
  end
  found = read_page(root, ids, job_ids)
  for _, name in ipairs(page[2]) do
    local kind, subject = string.match(string.sub(name, #root + 1), '^(%l+):(.*)$')
    if visit[kind] then
      -- An unreadable record must not stop the audit.
      local visited, fault = pcall(visit[kind], subject, name)
      if not visited then
        faults[#faults + 1] = name
        faults[#faults + 1] = tostring(type(fault) == 'table' and fault.err or fault)
      end
    end
  end
  for field, by in pairs(step_sums.under_way) do
    redis.call('HINCRBY', sums, field, by)
  end
  for field, bytes in pairs(step_sums.held) do
    redis.call('HINCRBY', root .. 'audit-memory', field, bytes)
  end
  if page[1] == '0' then phase = 'sums' end
else
  page = redis.call('HSCAN', sums, cursor, 'COUNT', ARGV[4])
  for at = 1, #page[2], 2 do
    correct_sum(root, page[2][at], tonumber(page[2][at + 1]), repairs)
  end
  if page[1] == '0' then phase = 'over' end
end

if phase == 'over' then
  correct_memory(root, repairs)
  redis.call('DEL', audit, root .. 'audit-differences-before')
  redis.call('UNLINK', sums)
  if redis.call('EXISTS', root .. 'audit-differences') == 1 then
    redis.call('RENAME', root .. 'audit-differences', root .. 'audit-differences-before')
  end
  redis.call('HSET', audit, 'dueAt', time + ARGV[5], 'lastEpoch', epoch)
  return { tonumber(ARGV[5]), repairs, leftovers, faults }
end
redis.call('HSET', audit, 'epoch', epoch, 'phase', phase, 'cursor', page[1], 'run', run)
return { 0, repairs, leftovers, faults }
