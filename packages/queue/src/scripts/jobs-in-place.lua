-- Finds jobs of which BullMQ (6.7) holds every part, with a few commands for many jobs. find-jobs.lua tells of a single job what it lacks.
-- `lane` begins the names of a lane. Each function adds what it finds to the set `found`, and leaves out what is there already.

local function left_of(ids, found)
  local left = {}
  for _, id in ipairs(ids) do
    if not found[id] then left[#left + 1] = id end
  end
  return left
end

-- Jobs that wait in line or for their time.
local function find_waiting(lane, ids, found)
  for _, kind in ipairs({ 'prioritized', 'delayed' }) do
    local left = left_of(ids, found)
    if #left == 0 then return end
    -- A key of another type is a fault of one lane, and must not keep this script from the other lanes.
    local scores = redis.pcall('ZMSCORE', lane .. kind, unpack(left))
    local listed, names = {}, {}
    for at, id in ipairs(left) do
      if scores[at] then
        listed[#listed + 1] = id
        names[#names + 1] = lane .. id
      end
    end
    local are_whole = #names > 0 and redis.call('EXISTS', unpack(names)) == #names
    for at, id in ipairs(listed) do
      if are_whole or redis.call('EXISTS', names[at]) == 1 then found[id] = true end
    end
  end
end

-- Jobs that a worker holds, or held until some moments ago.
local function find_locked(lane, ids, found)
  local left, names = left_of(ids, found), {}
  if #left == 0 then return end
  for at, id in ipairs(left) do
    names[at] = lane .. id .. ':lock'
  end
  for at, token in ipairs(redis.call('MGET', unpack(names))) do
    if token then found[left[at]] = true end
  end
end
