-- Whether nobody has held a background task since the holder with this fence. A worker that was frozen, or cut off, may still write for a task
-- that another has taken over: a script in which two owners at once do harm asks this first. root begins all names, as `darkroom:`.
local function holds_task_lease(root, task, fence)
  local lease = redis.call('HGET', root .. 'task-leases', task)
  return lease and string.match(lease, ' (%d+)$') == fence
end
