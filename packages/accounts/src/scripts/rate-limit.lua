-- The admissions of an API key in the last minute, counted exactly: in no sixty seconds are there more than its limit, and one that
-- is a minute old counts no more. A LIST of 'ms requests images', both counted up since the list began; the first entry is the ground,
-- what had been counted when the minute began, so that a difference of two entries is what lies between them.
-- Admissions of one span share an entry, under the time of the latest: it bounds the list at 1,200 entries, whatever the limit, and
-- an admission counts a span too long at most. A clock that is set back by less than a minute lets them count as much longer; by more,
-- and the count starts from zero, because otherwise the key would be blocked until the clock has come as far again.

local minute_ms, span_ms, page = 60000, 50, 100

local function read_entry(text)
  local ms, requests, images = string.match(text, '^(%d+) (%d+) (%d+)')
  return { ms = tonumber(ms), requests = tonumber(requests), images = tonumber(images) }
end

-- Forgets what is older than a minute. Answers the ground and the latest entry, or nil where the minute saw none.
local function slide(window, time)
  local ground
  while true do
    local old = 0
    local entries = redis.call('LRANGE', window, 0, page)
    for index, text in ipairs(entries) do
      if tonumber(string.match(text, '^%d+')) > time - minute_ms then break end
      old = index
    end
    ground = entries[math.max(old, 1)]
    -- The newest of the old ones stays, as the ground.
    if old > 1 then redis.call('LTRIM', window, old - 1, -1) end
    if old <= page then break end
  end
  local latest = redis.call('LINDEX', window, -1)
  if not latest or latest == ground then return nil end
  latest = read_entry(latest)
  if latest.ms > time + minute_ms then return nil end
  return read_entry(ground), latest
end

-- What the last minute saw: requests, images, and the milliseconds until all of it is forgotten.
local function count_window(window, time)
  local ground, latest = slide(window, time)
  if not latest then return 0, 0, 0 end
  return latest.requests - ground.requests, latest.images - ground.images, latest.ms + minute_ms - time
end

local function note_admission(window, time, images)
  local ground, latest = slide(window, time)
  -- Without an entry in the last minute the count starts from zero.
  if not latest then
    redis.call('DEL', window)
    redis.call('RPUSH', window, '0 0 0')
    latest = { ms = 0, requests = 0, images = 0 }
  end
  local entry = string.format('%d %d %d', time, latest.requests + 1, latest.images + images)
  local text = redis.call('LINDEX', window, -1)
  local begun = tonumber(string.match(text, '(%d+)$'))
  if latest.ms > 0 and time - begun < span_ms then
    redis.call('LSET', window, -1, entry .. ' ' .. string.format('%d', begun))
  else
    redis.call('RPUSH', window, entry .. ' ' .. string.format('%d', time))
  end
  redis.call('PEXPIRE', window, minute_ms)
end

-- The milliseconds until so much of it is forgotten that `wanted` more of `what` ('requests', 'images') are within the limit.
local function wait_for(window, time, what, limit, wanted)
  local latest = read_entry(redis.call('LINDEX', window, -1))
  local from = 1
  while true do
    local entries = redis.call('LRANGE', window, from, from + page - 1)
    for _, text in ipairs(entries) do
      local entry = read_entry(text)
      if latest[what] - entry[what] + wanted <= limit then return math.max(entry.ms + minute_ms - time, 1) end
    end
    if #entries < page then return minute_ms end
    from = from + page
  end
end
