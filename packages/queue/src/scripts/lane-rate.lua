--- @include "@darkroom/redis/scripts/now"
-- How many attempts a lane has begun in the latest whole spans of time. start.lua counts in the same spans, by the same clock.
--   KEYS[1] begins the names of the lane's starts  ARGV[1] length of a span in milliseconds  ARGV[2] how many spans
-- Answers the time, and the starts.
local time, starts = now(), 0
local span = math.floor(time / ARGV[1])
for back = 1, tonumber(ARGV[2]) do
  starts = starts + (tonumber(redis.call('GET', KEYS[1] .. string.format('%d', span - back))) or 0)
end
return { time, starts }
