--- @include "@darkroom/redis/scripts/now"
--- @include "rate-limit"
-- What an API key has used of its limits in the last minute.
--   KEYS[1] its window
-- Answers { requests, images, milliseconds until none of them count any more }.
return { count_window(KEYS[1], now()) }
