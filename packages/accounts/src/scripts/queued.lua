-- One more, or one less, of an API key's generations waits to be begun. See account.lua.
local function count_queued(root, key, by)
  redis.call('HINCRBY', root .. 'account:' .. key, 'queued', by)
end
