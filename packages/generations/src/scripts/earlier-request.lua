--- @include "callers"
--- @include "watchers"
-- Which earlier generation a request gets: the rule of docs/api.md ("The same request twice").
--   With an idempotency key it gets the generation of the key. Without one it gets a generation of an equal request that no caller was
--   answered with and no caller waits for; or, for five minutes, an error for which the provider may have charged. It never gets a
--   generation that another caller waits for or was answered with.
--   A request that asks for a new generation gets none of these, except one whose caller asked for a new generation, too, and was told by a
--   process that stops to send its request again.

-- Clients stop their own retries within this time.
local error_repeated_for_ms = 300000

-- Nil for an id without a record, and for a generation that was canceled because its caller left or its key was stopped: it bought nothing.
local function find_generation(id)
  local is = {}
  is.status, is.ended, is.answered, is.may_be_charged, is.abandoned, is.stopped =
    unpack(redis.call('HMGET', root .. 'generation:' .. id, 'status', 'endedAt', 'answered', 'mayBeCharged', 'abandoned', 'stopped'))
  if not is.status or (is.status == 'canceled' and (is.abandoned or is.stopped)) then return nil end
  is.lives = not is_ending(is.status)
  return is
end

-- The caller of `request` waits for a generation that another submission has made.
local function wait_for(id, is, request)
  if request.caller == '' then return end
  redis.call('SADD', waiters_of(id), request.caller)
  redis.call('SET', root .. 'attached:' .. request.id, id, 'PX', attached_for_ms)
  if is.lives and request.watches then add_watcher(root .. 'generation:' .. id, channel_of(request.caller)) end
end

local function find_claimed(request)
  local claim = redis.call('GET', root .. 'claim:' .. request.key .. ':' .. request.claim)
  local body, id = string.match(claim or '', '^(%S+) (%S+)$')
  local is = id and find_generation(id)
  if not is then return nil end
  if body ~= request.body then return { 'mismatch', id } end
  if is.lives then wait_for(id, is, request) end
  return { 'attached', id }
end

-- A killed process is missing for so long (beat.lua).
local missing_for_ms = 3600000

-- Releases the generations for which only dead processes wait. It reads the whole list, but only once for the same missing processes: none of
-- them brings further callers, unless it has a heartbeat, which is another state. Where a caller leaves others behind, leave.lua has it read again.
local function release_dead(request, list, time)
  local present, missing = present_instances(time)
  if missing == '' then return end
  local released, state = released_of(request.key, request.body), redis.sha1hex(missing)
  if redis.call('GET', released) == state then return end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', list, 1, 1)) do
    local awaited = false
    for _, caller in ipairs(redis.call('SMEMBERS', waiters_of(id))) do
      if present[channel_of(caller)] then awaited = true end
    end
    if not awaited then redis.call('ZADD', list, 0, id) end
  end
  redis.call('SET', released, state, 'PX', missing_for_ms)
end

local function find_unanswered(request, time)
  local list = unanswered_of(request.key, request.body)
  if redis.call('EXISTS', list) == 0 then return nil end
  local attached = redis.call('GET', root .. 'attached:' .. request.id)
  if attached then return { 'attached', attached } end
  release_dead(request, list, time)
  local failed
  local is_forced = request.force_new == '1'
  -- Ids grow with time, so that the oldest of each state comes first. What a request for a new generation was told to ask for again is the last
  -- that another request takes: the first finds nothing else, and would buy again.
  local ids = is_forced and {} or redis.call('ZRANGEBYSCORE', list, 0, 0)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', list, -1, -1)) do
    ids[#ids + 1] = id
  end
  for _, id in ipairs(ids) do
    local is = find_generation(id)
    local age = is and not is.lives and time - is.ended
    if is and (is.lives or (is.status == 'succeeded' and not is.answered and age < unanswered_for_ms)) then
      redis.call('ZADD', list, 1, id)
      wait_for(id, is, request)
      return { 'attached', id }
    elseif is and is.may_be_charged and age < error_repeated_for_ms then
      failed = failed or (not is_forced and id or nil)
    else
      redis.call('ZREM', list, id)
    end
  end
  return failed and { 'attached', failed }
end

-- `request` is { id of its submission, API key, body = fingerprint, claim = digest of its idempotency key or '', caller, watches,
-- force_new = '1' where it asks for a new generation }. Answers { 'attached', id }, { 'mismatch', id } where its idempotency key stands for
-- another body, or nil. Safe to repeat.
local function find_earlier(request, time)
  if request.claim ~= '' then return find_claimed(request) end
  return find_unanswered(request, time)
end
