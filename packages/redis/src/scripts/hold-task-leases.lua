--- @include "now"
--- @include "share-tasks"
-- Renews the leases of one worker on background tasks, and gives it those that are its part and that nobody holds: one call for all its
-- tasks. With no tasks, the worker leaves: all that it holds is free.
--   KEYS[1] leases, HASH task → 'worker until fence' ('-' = nobody)  KEYS[2] workers, HASH worker → 'until task task …'
--   ARGV[1] worker  ARGV[2] milliseconds that a lease lasts  ARGV[3] tasks that the worker can do, with a space between
--   ARGV[4] tasks that it gives back, with a space between  ARGV[5] how many workers a task needs
-- Answers { task, fence, 'hold' or 'yield', … } of the tasks that it holds now. One to yield is to be given back soon: it is the part of
-- another worker. Answers { '', '', 'standby' } to a worker that is not needed: it writes nothing, and asks again later.
local leases_key, workers_key, worker, lease_ms = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local time = now()

-- A time that is further ahead was set before the clock was set back.
local function is_ahead(until_ms)
  return until_ms > time and until_ms <= time + 2 * lease_ms
end

local function words(text)
  local all = {}
  for word in string.gmatch(text, '%S+') do
    all[#all + 1] = word
  end
  return all
end

local offers, offered_by, takes_part = {}, {}, false
local alive = redis.call('HGETALL', workers_key)
for at = 1, #alive, 2 do
  local until_ms, tasks = string.match(alive[at + 1], '^(%d+) ?(.*)$')
  local is_alive = until_ms and is_ahead(tonumber(until_ms))
  if alive[at] == worker then
    -- It is written below.
    takes_part = is_alive
  elseif is_alive then
    offers[alive[at]] = words(tasks)
    for _, task in ipairs(offers[alive[at]]) do
      offered_by[task] = (offered_by[task] or 0) + 1
    end
  else
    redis.call('HDEL', workers_key, alive[at])
  end
end
local offered = words(ARGV[3])

-- A few workers are enough for the tasks of a fleet of any size, and renewals cost by worker.
local function is_needed()
  for _, task in ipairs(offered) do
    if (offered_by[task] or 0) < tonumber(ARGV[5]) then return true end
  end
  return #offered == 0
end
if not takes_part and not is_needed() then return { '', '', 'standby' } end

-- A Redis at its memory limit refuses neither this command nor those that follow it in the same script. Leases must be renewed there: what
-- they are of makes room.
redis.call('HDEL', workers_key, '')
if #offered > 0 then
  offers[worker] = offered
  redis.call('HSET', workers_key, worker, string.format('%d ', time + lease_ms) .. ARGV[3])
else
  redis.call('HDEL', workers_key, worker)
end

local holders, fences = {}, {}
local leases = redis.call('HGETALL', leases_key)
for at = 1, #leases, 2 do
  local holder, until_ms, fence = string.match(leases[at + 1], '^(%S+) (%d+) (%d+)$')
  if holder then
    fences[leases[at]] = tonumber(fence)
    if holder ~= '-' and is_ahead(tonumber(until_ms)) then holders[leases[at]] = holder end
  end
end

local can_do, changed = {}, {}
for _, task in ipairs(offered) do
  can_do[task] = true
end
local function write(task, holder, until_ms)
  changed[#changed + 1] = task
  changed[#changed + 1] = string.format('%s %d %d', holder, until_ms, fences[task])
end
local function give_back(task)
  if holders[task] ~= worker then return end
  holders[task] = nil
  write(task, '-', 0)
end
for _, task in ipairs(words(ARGV[4])) do
  give_back(task)
end
for _, task in ipairs(sorted_keys(holders)) do
  if not can_do[task] then give_back(task) end
end

local shares = share_tasks(offers, holders)
local answer = {}
for _, task in ipairs(offered) do
  local is_ours = shares[task] == worker
  local holds = holders[task] == worker
  if is_ours and not holders[task] then
    -- No two holders have the same number, also after Redis has lost its data.
    fences[task] = math.max(time, (fences[task] or 0) + 1)
    holds = true
  end
  if holds then
    write(task, worker, time + lease_ms)
    for _, part in ipairs({ task, string.format('%d', fences[task]), is_ours and 'hold' or 'yield' }) do
      answer[#answer + 1] = part
    end
  end
end
if #changed > 0 then redis.call('HSET', leases_key, unpack(changed)) end
return answer
