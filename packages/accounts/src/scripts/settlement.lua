--- @include "account"
-- Settles a generation that has ended: its reservation is released, and its cost is spent on the day of its ending. A line of a batch was
-- not counted with the generations that callers wait for.
local function settle(root, key, was_queued, reserved, cost, time, of_batch)
  local account = root .. 'account:' .. key
  local is = read_account(account, time)
  -- stylua: ignore
  redis.call('HSET', account,
    'active', is.active - (of_batch and 0 or 1), 'queued', is.queued - ((was_queued and not of_batch) and 1 or 0),
    'reserved', is.reserved - reserved, 'total', is.total + cost,
    'day', is.today, 'daySpent', is.day + cost,
    'month', string.sub(is.today, 1, 7), 'monthSpent', is.month + cost)
end
