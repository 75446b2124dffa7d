/**
 * What a script would ask in which two owners of a task at once do harm: whether nobody has held the task since the holder with this fence. A
 * worker that was frozen, or cut off, may still write for a task that another has taken over.
 *
 * Lua that declares `holds_task_lease(root, task, fence)`, where root begins all names, as `darkroom:`.
 */
export const holdsTaskLease = `
  local function holds_task_lease(root, task, fence)
    local lease = redis.call('HGET', root .. 'task-leases', task)
    return lease and string.match(lease, ' (%d+)$') == fence
  end
`;
