-- Counts one more, or one less, queued generation of an API key. See account.lua.
local function count_queued(root, key, by)
  redis.call('HINCRBY', root .. 'account:' .. key, 'queued', by)
end
