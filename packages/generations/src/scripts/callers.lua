--- @include "generation"
-- Who waits for the answer of a generation, and which generations no caller was answered with.
--   root .. 'waiters:' .. id                     SET of the callers that wait for its answer, as '{reply channel}/{number}', with a '+' at
--                                                the end where the process takes the record with the wake-up
--   root .. 'instances'                          ZSET reply channel of an api process → time of its latest heartbeat
--   root .. 'instances-returning'                STRING: set while heartbeats of live processes may be missing
--   root .. 'unanswered:' .. key .. ':' .. body  ZSET of the generations that an API key has asked for with one body and without an
--                                                idempotency key, until their answer is written: 1 while a caller waits for it, 0 when
--                                                that caller has left, -1 when it asked for a new generation and was told to ask again
--   root .. 'released:' .. key .. ':' .. body    STRING: the processes that were missing when that list was last looked through for their
--                                                callers, as `present_instances` names them, digested
--   root .. 'attached:' .. id                    STRING: the generation that the submission of this id was attached to

-- Six heartbeats (waiting/heartbeat.ts).
local silent_after_ms = 30000
-- Three heartbeats. When all processes have been silent for so long, Redis was away, or its clock was set forward.
local all_silent_after_ms = 15000
-- No client repeats a request that long after its generation has ended.
local unanswered_for_ms = 900000
-- A minute longer than a process retries to report a disconnected caller (cancel-on-disconnect.ts): the generation to which the caller's
-- submission was attached must be known for as long.
local attached_for_ms = 960000
-- A bound for generations that do not end. It restarts with every caller that comes or leaves.
local noted_for_ms = 86400000

-- The longest record that a wake-up brings, in bytes. Twice what a prompt of a paragraph takes with ten images. Redis holds 32 MB of
-- messages for a process that does not read (client-output-buffer-limit pubsub), so four thousand of the longest.
local told_bytes = 8192

local function waiters_of(id)
  return root .. 'waiters:' .. id
end

local function unanswered_of(key, body)
  return root .. 'unanswered:' .. key .. ':' .. body
end

local function released_of(key, body)
  return root .. 'released:' .. key .. ':' .. body
end

local function channel_of(caller)
  return string.match(caller, '^[^/]*')
end

-- Whether all heartbeats are missing. Then a missing heartbeat does not show that a process is dead.
local function are_all_silent(time)
  local latest = redis.call('ZRANGE', root .. 'instances', -1, -1, 'WITHSCORES')[2]
  return latest and time - latest >= all_silent_after_ms
end

-- Whether a process with this latest heartbeat counts as alive.
local function is_heard(beat, time)
  return time - beat < silent_after_ms or are_all_silent(time) or redis.call('EXISTS', root .. 'instances-returning') == 1
end

-- The processes that are certainly alive: they have a heartbeat, and subscribe to their channel. A killed process loses its subscription at
-- once, half a minute before its heartbeat is missing. A process that reconnects to Redis has no subscription for a moment either, so
-- nothing is canceled by this. Answers a table of their channels, and what names the missing processes as they are now, '' for none.
local function present_instances(time)
  local beats = redis.call('ZRANGE', root .. 'instances', 0, -1, 'WITHSCORES')
  if #beats == 0 then return {}, '' end
  local channels, present, missing = {}, {}, {}
  for at = 1, #beats, 2 do
    channels[#channels + 1] = beats[at]
  end
  local listeners = redis.call('PUBSUB', 'NUMSUB', unpack(channels))
  for at = 1, #beats, 2 do
    local is_there = listeners[at + 1] > 0 and is_heard(beats[at + 1], time)
    if is_there then
      present[beats[at]] = true
    else
      missing[#missing + 1] = table.concat({ beats[at], beats[at + 1], listeners[at + 1] }, ' ')
    end
  end
  return present, table.concat(missing, ' ')
end

-- Whether the process of a channel counts as alive by its heartbeat.
local function is_alive(channel, time)
  local beat = redis.call('ZSCORE', root .. 'instances', channel)
  return beat and is_heard(beat, time)
end

-- Whether a caller of a live process waits for the generation.
local function is_awaited(id, time)
  for _, caller in ipairs(redis.call('SMEMBERS', waiters_of(id))) do
    if is_alive(channel_of(caller), time) then return true end
  end
  return false
end

-- Notes a generation among those that no caller was answered with, in a state as above.
local function note_unanswered(key, body, id, state)
  local list = unanswered_of(key, body)
  redis.call('ZADD', list, state, id)
  redis.call('PEXPIRE', list, noted_for_ms)
end

-- The message about an ending: the id, and for a process that takes it ' ended ' and the fields of the record, name and value by turns with
-- tabs between. No value has a tab: JSON escapes it, and no name or id may have one. A longer record is left for the process to read.
local function ending_message(id, takes_record)
  if not takes_record then return id end
  local fields = table.concat(redis.call('HGETALL', root .. 'generation:' .. id), '\t')
  return #fields <= told_bytes and id .. ' ended ' .. fields or id
end

-- A generation has ended: tells each process whose callers wait for it, once.
local function tell_waiting(id)
  local takes_record = {}
  for _, caller in ipairs(redis.call('SMEMBERS', waiters_of(id))) do
    local channel = channel_of(caller)
    -- A process may have the name of one of an older release.
    takes_record[channel] = takes_record[channel] ~= false and string.sub(caller, -1) == '+'
  end
  for channel, takes in pairs(takes_record) do
    redis.call('PUBLISH', channel, ending_message(id, takes))
  end
end

-- A generation has ended. The time of its idempotency key begins, and callers with the key find it by that. All other callers wait until
-- their answer is written.
local function end_waiting(id, is)
  local waiters = waiters_of(id)
  if is.claim then
    redis.call('DEL', waiters)
    local claim = root .. 'claim:' .. is.key .. ':' .. is.claim
    -- It may stand for a later generation, where this one was retried by its id.
    if redis.call('GET', claim) == is.body .. ' ' .. id then redis.call('PEXPIRE', claim, is.claim_ms) end
  elseif is.body then
    redis.call('PEXPIRE', waiters, unanswered_for_ms)
    if is.may_be_charged and not is.answered then
      note_unanswered(is.key, is.body, id, 0)
    elseif is.status ~= 'succeeded' then
      redis.call('ZREM', unanswered_of(is.key, is.body), id)
    end
  end
end
