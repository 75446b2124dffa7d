--- @include "@darkroom/redis/scripts/now"
--- @include "rate-limit"
-- What an API key has used of its limits in the last minute.
--   KEYS[1] its window
-- Answers { requests, images, milliseconds until all of it is forgotten }.
return { count_window(KEYS[1], now()) }
