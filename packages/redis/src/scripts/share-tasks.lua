-- Shares the tasks of a fleet out, as evenly as what each worker can do allows: those of each kind first, then all together. A task moves
-- only where that makes the shares more even, so a result that is shared out again stays as it is.

-- The kind of 'recovery:openai.batch' is 'recovery'.
local function kind_of(task)
  return string.match(task, '^[^:]*')
end

-- The keys of a table in order. `pairs` has an order of its own.
local function sorted_keys(of)
  local keys = {}
  for key in pairs(of) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- offers: worker → list of the tasks that it can do; holders: task → worker that holds it now, where one does.
-- Answers task → worker that should hold it, for all tasks that are offered.
local function share_tasks(offers, holders)
  local able, of_kind, total = {}, {}, {}
  for _, worker in ipairs(sorted_keys(offers)) do
    total[worker] = 0
    for _, task in ipairs(offers[worker]) do
      able[task] = able[task] or {}
      table.insert(able[task], worker)
      of_kind[kind_of(task)] = {}
    end
  end
  local tasks, shares = sorted_keys(able), {}

  local function count(task, worker)
    return of_kind[kind_of(task)][worker] or 0
  end
  local function add(task, worker, by)
    of_kind[kind_of(task)][worker] = count(task, worker) + by
    total[worker] = total[worker] + by
  end
  local function give(task, worker)
    if shares[task] then add(task, shares[task], -1) end
    add(task, worker, 1)
    shares[task] = worker
  end
  local function least_busy(task)
    local least
    for _, worker in ipairs(able[task]) do
      local difference = least and count(task, worker) - count(task, least) or -1
      if difference < 0 or (difference == 0 and total[worker] < total[least]) then least = worker end
    end
    return least
  end

  for _, task in ipairs(tasks) do
    for _, worker in ipairs(able[task]) do
      if worker == holders[task] then give(task, worker) end
    end
  end
  for _, task in ipairs(tasks) do
    if not shares[task] then give(task, least_busy(task)) end
  end
  -- Each move lowers the sum of the squares of one kind, or leaves it and lowers that of all tasks. So this ends.
  local moved
  repeat
    moved = false
    for _, task in ipairs(tasks) do
      local from, to = shares[task], least_busy(task)
      local gain = count(task, from) - count(task, to) - 1
      if gain > 0 or (gain == 0 and total[from] - total[to] > 1) then
        give(task, to)
        moved = true
      end
    end
  until not moved
  return shares
end
