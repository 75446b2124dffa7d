-- Needs account.lua.

-- A generation of the key has ended: what was reserved for it is free, and what it cost is spent today, the day of its ending.
local function settle(root, key, was_queued, reserved, cost, today)
  local account = root .. 'account:' .. key
  local is = read_account(account, today)
  redis.call('HSET', account,
    'active', is.active - 1, 'queued', was_queued and is.queued - 1 or is.queued,
    'reserved', is.reserved - reserved, 'total', is.total + cost,
    'day', today, 'daySpent', is.day + cost,
    'month', string.sub(today, 1, 7), 'monthSpent', is.month + cost)
end
