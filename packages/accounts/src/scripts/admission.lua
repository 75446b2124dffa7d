--- @include "calendar"
--- @include "rate-limit"
--- @include "account"
-- Whether a generation may be taken in.

-- What a generation asks of its key: limits and budget as they are now, images, the worst it can cost. '-' = none, or not known.
local function read_asks(text)
  local asks, names = {}, { 'requests', 'images', 'concurrent', 'queued', 'day', 'month', 'total', 'wanted', 'worst' }
  local at = 0
  for word in string.gmatch(text, '%S+') do
    at = at + 1
    asks[names[at]] = tonumber(word)
  end
  return asks
end

local function refusal(reason, wait, left, window, time)
  local requests, images, reset = count_window(window, time)
  return { 'refused', reason, wait, left, requests, images, reset }
end

-- Takes a generation into the account of its key, or answers why not: { 'refused', what is exceeded, the milliseconds until that
-- changes by itself (0 = not, or unknown when), what is left of it, and the window as `count_window` tells it }.
-- A line of a batch is held to the budget alone: its own window sees to the rest, and it is not counted among what callers wait for.
local function admit(root, key, text, time, of_batch)
  local asks = read_asks(text)
  local account, window = root .. 'account:' .. key, root .. 'account-window:' .. key
  local worst = asks.worst or 0
  local counted = asks.requests or asks.images

  if counted or asks.concurrent or asks.queued or asks.day or asks.month or asks.total then
    local is = read_account(account, time)
    local budgets = { { 'total', 0 }, { 'month', until_next_month }, { 'day', until_tomorrow } }
    for _, budget in ipairs(budgets) do
      local name, reset = budget[1], budget[2]
      local left = asks[name] and asks[name] - is[name] - is.reserved
      -- A request without a known price fits in no budget.
      if left and (not asks.worst or worst > left) then
        return refusal(name, reset ~= 0 and reset(time) or 0, math.max(left, 0), window, time)
      end
    end
    if asks.queued and is.queued >= asks.queued then return refusal('queued', 0, 0, window, time) end
    if asks.concurrent and is.active >= asks.concurrent then return refusal('concurrent', 0, 0, window, time) end
    if counted then
      local requests, images = count_window(window, time)
      local until_request, until_images = 0, 0
      if asks.requests and requests + 1 > asks.requests then until_request = wait_for(window, time, 'requests', asks.requests, 1) end
      if asks.images and images + asks.wanted > asks.images then
        until_images = wait_for(window, time, 'images', asks.images, asks.wanted)
      end
      -- Where both refuse, the one that does so for longer is told: it says when the request would be accepted. A limit may have been
      -- lowered below what is used.
      if until_images > until_request then return refusal('images', until_images, math.max(asks.images - images, 0), window, time) end
      if until_request > 0 then return refusal('requests', until_request, 0, window, time) end
      note_admission(window, time, asks.wanted)
    end
  end

  if not of_batch then
    redis.call('HINCRBY', account, 'active', 1)
    redis.call('HINCRBY', account, 'queued', 1)
  end
  if worst > 0 then redis.call('HINCRBY', account, 'reserved', worst) end
  return nil
end

-- The window of an admitted generation's key, for those who are told of it; nothing where nothing is counted.
local function told_window(root, key, text, time)
  if string.sub(text, 1, 4) == '- - ' then return {} end
  return { count_window(root .. 'account-window:' .. key, time) }
end
