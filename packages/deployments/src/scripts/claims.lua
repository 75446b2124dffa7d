--- @include "deployment-state"
-- The room of a deployment that becomes free is kept for one generation at a time that has waited for long. Else one that asks for several images would
-- wait without an end where others that ask for one take each that becomes free. The state of the deployment has it as `claim`: the generation, when
-- it claimed the room, when that ends, its requests and its images. `claimRest` is the time before which no other claims any, so that those who ask
-- for little have at least half of the time. Batches have `batchClaim` and `batchClaimRest`, which keep nothing from callers.

-- After so many milliseconds in line a generation claims room.
local patience_ms = 30000
-- A job that is told to come back comes so many milliseconds late at most, or the room is given to others.
local late_ms = 10000
-- A whole minute may have to pass.
local longest_claim = 90000

-- The claim that stands; nil where none does.
local function read_claim(text, time)
  local id, since, ends, requests, images = string.match(text or '', '^(%S+) (%d+) (%d+) (%d+) (%d+)$')
  since = number_in(since, time)
  ends = since and number_in(ends, since + longest_claim)
  if not ends or ends <= time then return nil end
  return { id = id, since = since, requests = tonumber(requests), images = tonumber(images) }
end

-- Claims the room that becomes free within so many milliseconds, from `since` on, in `field`.
local function write_claim(name, field, id, since, time, wait, requests, images)
  local ends = math.min(time + wait + late_ms, since + longest_claim)
  local claim = string.format('%s %d %d %d %d', id, since, ends, requests, images)
  redis.call('HSET', name, field, claim, field .. 'Rest', string.format('%d', 2 * ends - since))
  if redis.call('PTTL', name) < 2 * longest_claim then redis.call('PEXPIRE', name, 2 * longest_claim) end
end

-- Gives it back. Others may have what becomes free for as long as it stood.
local function end_claim(name, field, claim, time)
  redis.call('HDEL', name, field)
  redis.call('HSET', name, field .. 'Rest', string.format('%d', 2 * time - claim.since))
end
