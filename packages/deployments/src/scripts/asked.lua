-- What a deployment was asked for in each second of the last minute. In Redis it is one value, `{ second, requests, images, … }` in
-- MessagePack, the earliest second first: a hash of the seconds took ten times as long to read.

-- A second counts until its last moment is a minute ago.
local spans = 61

-- A number that a second may have.
local function is_count(value)
  return type(value) == 'number' and value >= 0 and value <= 1e12
end

-- The seconds that count, in that form. What cannot be read, and seconds from before a clock was set back, count for nothing.
local function read_asked(name, second)
  local value = redis.pcall('GET', name)
  local known = {}
  if type(value) == 'string' then
    local is_read, list = pcall(cmsgpack.unpack, value)
    if is_read and type(list) == 'table' then known = list end
  end
  local counting = {}
  for at = 1, #known - 2, 3 do
    local of, requests, images = known[at], known[at + 1], known[at + 2]
    local is_whole = is_count(of) and is_count(requests) and is_count(images)
    if is_whole and of > second - spans and of <= second then
      local last = #counting
      counting[last + 1], counting[last + 2], counting[last + 3] = of, requests, images
    end
  end
  return counting
end

-- The requests and the images of seconds.
local function sums_of(asked)
  local requests, images = 0, 0
  for at = 1, #asked, 3 do
    requests, images = requests + asked[at + 1], images + asked[at + 2]
  end
  return { requests, images }
end

-- Counts requests and images in a second, or takes them back. A second that does not count any more stays gone.
local function count_asked(name, now_second, second, requests, images)
  local asked = read_asked(name, now_second)
  local place
  for at = 1, #asked, 3 do
    if asked[at] == second then place = at end
  end
  if place then
    -- A count that was lost in between is not taken back.
    asked[place + 1] = math.max(asked[place + 1] + requests, 0)
    asked[place + 2] = math.max(asked[place + 2] + images, 0)
  elseif second == now_second and requests > 0 then
    local last = #asked
    asked[last + 1], asked[last + 2], asked[last + 3] = second, requests, images
  end
  redis.call('SET', name, cmsgpack.pack(asked), 'PX', spans * 1000)
end
