-- The reply channels that hear of every change of a generation: a field of its record, names with spaces between.
local function without_watcher(record, channel)
  local others = {}
  for other in string.gmatch(redis.call('HGET', record, 'watchers') or '', '%S+') do
    if other ~= channel then others[#others + 1] = other end
  end
  return others
end

local function add_watcher(record, channel)
  local channels = without_watcher(record, channel)
  channels[#channels + 1] = channel
  redis.call('HSET', record, 'watchers', table.concat(channels, ' '))
end

local function remove_watcher(record, channel)
  redis.call('HSET', record, 'watchers', table.concat(without_watcher(record, channel), ' '))
end
