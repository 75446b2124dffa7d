-- Rate limit: an exact count of the admissions of an API key in the last minute. Any sixty seconds have at most as many as the limit, and an
-- admission that is a minute old does not count. The LIST has entries 'ms requests images', which are running totals. Its first entry is
-- the baseline, the totals at the beginning of the minute, so the difference of two entries is what was admitted between them. The window of
-- all requests (count-requests.lua) counts the bytes of refused bodies in the place of images.
-- Admissions within one span share an entry, which has the time of the latest. So the list has at most 1,200 entries whatever the limit,
-- and an admission counts for one span too long at most. When the clock is set back by less than a minute, admissions count longer by as
-- much. When it is set back by more, the count starts from zero; else the key would be blocked until the clock has caught up.

local minute_ms, span_ms, page = 60000, 50, 100

local function read_entry(text)
  local ms, requests, images = string.match(text, '^(%d+) (%d+) (%d+)')
  return { ms = tonumber(ms), requests = tonumber(requests), images = tonumber(images) }
end

-- Removes what is older than a minute. Answers the baseline and the latest entry, or nil where the minute has no admission.
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
    -- The newest of the old entries stays as the baseline.
    if old > 1 then redis.call('LTRIM', window, old - 1, -1) end
    if old <= page then break end
  end
  local latest = redis.call('LINDEX', window, -1)
  if not latest or latest == ground then return nil end
  latest = read_entry(latest)
  if latest.ms > time + minute_ms then return nil end
  return read_entry(ground), latest
end

-- The requests and images of the last minute, and the milliseconds until none of them count any more.
local function count_window(window, time)
  local ground, latest = slide(window, time)
  if not latest then return 0, 0, 0 end
  return latest.requests - ground.requests, latest.images - ground.images, latest.ms + minute_ms - time
end

-- Counts one request, or `requests` of them, and their images together.
local function note_admission(window, time, images, requests)
  local ground, latest = slide(window, time)
  -- Without an entry in the last minute the count starts from zero.
  if not latest then
    redis.call('DEL', window)
    redis.call('RPUSH', window, '0 0 0')
    latest = { ms = 0, requests = 0, images = 0 }
  end
  local entry = string.format('%d %d %d', time, latest.requests + (requests or 1), latest.images + images)
  local text = redis.call('LINDEX', window, -1)
  local begun = tonumber(string.match(text, '(%d+)$'))
  if latest.ms > 0 and time - begun < span_ms then
    redis.call('LSET', window, -1, entry .. ' ' .. string.format('%d', begun))
  else
    redis.call('RPUSH', window, entry .. ' ' .. string.format('%d', time))
  end
  redis.call('PEXPIRE', window, minute_ms)
end

-- The milliseconds until enough has left the window for `wanted` more of `what` ('requests', 'images').
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
