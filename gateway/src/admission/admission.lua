-- Decides one batch of requests in one step. The layout of arguments is written by `redis_wire.rs`.
--
-- KEYS[1]  prefix with a hash tag; every key used here is the prefix and a suffix, so all share one slot:
--          :rate:<window>       hash, person and rule id -> theoretical arrival time in Unix microseconds
--          :quota:<period>      hash, person and rule -> count, sequence, expiry in Unix seconds
--          :spent:<second>      set of nonces that may all be forgotten at that Unix second
--          :began               Unix microseconds at which this bucket began; the one key that stays
-- ARGV[1]  the time in Unix microseconds, for tests; 0 = the time of this server
-- ARGV[2]  numbers of rate fields, quota groups, hints, spent groups, requests
-- then     the rate fields
--          per quota group: period and number of fields, then the fields
--          per hint: index of its quota field and the value to keep
--          per spent group: the second and number of nonces, then the nonces
--          all requests in one string, each: index of rate field, of quota field or 0, of nonce or 0, emission
--                       interval and burst, limit, the second at which its nonce may be forgotten; one string
--                       for all, because every argument costs Redis an object and Lua a string
-- Answers  per request: below 0 admitted, the negated time in microseconds after which the whole burst is
--          back; 0 already spent; above 0 the wait in microseconds; bytes = the kept count that is at the
--          limit or over. After them the moment at which the bucket began, by which a gateway sees that its
--          data was lost.
--
-- Unix microseconds stay below 2^53 until the year 2255, so doubles hold them exactly. No list given to
-- unpack is longer than two entries per request and hint of a batch, far below Lua's limit of about 8000.
-- Only commands that Redis 7.0 and Valkey have. The arithmetic is the one of `gcra.rs`.

local RATE_WINDOW_US = 3600000000

local prefix = KEYS[1]
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local n_rates, n_quota_groups, n_hints, n_spent_groups, n_requests =
  struct.unpack('>I2I2I2I2I2', ARGV[2])
local cursor = 3

local began = redis.call('GET', prefix .. ':began')
if not began then
  began = string.format('%.0f', now)
  redis.call('SET', prefix .. ':began', began)
end

-- Paces live in a hash per window, as fields cannot expire one by one. A pace charged before the previous
-- window has come back whole by now, so the two latest windows know everything.
local window = math.floor(now / RATE_WINDOW_US)
local rate_key = prefix .. ':rate:' .. string.format('%.0f', window)
local rate_first = cursor
local arrivals = {}
if n_rates > 0 then
  local kept = redis.call('HMGET', rate_key, unpack(ARGV, cursor, cursor + n_rates - 1))
  local unseen, unseen_at = {}, {}
  for i = 1, n_rates do
    if kept[i] then
      arrivals[i] = (struct.unpack('>I8', kept[i]))
    else
      arrivals[i] = 0
      unseen[#unseen + 1] = ARGV[cursor + i - 1]
      unseen_at[#unseen_at + 1] = i
    end
  end
  if #unseen > 0 then
    local before = redis.call('HMGET', prefix .. ':rate:' .. string.format('%.0f', window - 1), unpack(unseen))
    for j = 1, #unseen do
      if before[j] then arrivals[unseen_at[j]] = (struct.unpack('>I8', before[j])) end
    end
  end
  cursor = cursor + n_rates
end

-- Counts that the ledger told, numbered through all periods. What is expired is the same as never told.
local counts, count_fields, quota_groups = {}, {}, {}
for g = 1, n_quota_groups do
  local period, n_fields = struct.unpack('>I4I2', ARGV[cursor])
  local key = prefix .. ':quota:' .. string.format('%.0f', period)
  local kept = redis.call('HMGET', key, unpack(ARGV, cursor + 1, cursor + n_fields))
  local first = #count_fields + 1
  for i = 1, n_fields do
    count_fields[first + i - 1] = ARGV[cursor + i]
    local value = kept[i]
    if value and struct.unpack('>I8', value, 13) * 1000000 <= now then value = false end
    counts[first + i - 1] = value
  end
  quota_groups[g] = { key, first, first + n_fields - 1 }
  cursor = cursor + n_fields + 1
end

-- Hints carry the truth: the highest sequence wins, and nothing is added up. The halves are compared one
-- after the other, because a double does not hold 64 bits.
local hinted = {}
for h = 1, n_hints do
  local index = struct.unpack('>I2', ARGV[cursor])
  local value = string.sub(ARGV[cursor], 3)
  local _, high, low, expires = struct.unpack('>I4I4I4I8', value)
  local kept = counts[index]
  local newer = true
  if kept then
    local _, kept_high, kept_low = struct.unpack('>I4I4I4', kept)
    newer = high > kept_high or (high == kept_high and low > kept_low)
  end
  if newer and expires * 1000000 > now then
    counts[index] = value
    hinted[index] = expires
  end
  cursor = cursor + 1
end

local spent, nonces, spent_groups = {}, {}, {}
for g = 1, n_spent_groups do
  local forget_at, n_nonces = struct.unpack('>I8I2', ARGV[cursor])
  local key = prefix .. ':spent:' .. string.format('%.0f', forget_at)
  local known = redis.call('SMISMEMBER', key, unpack(ARGV, cursor + 1, cursor + n_nonces))
  local first = #nonces + 1
  for i = 1, n_nonces do
    nonces[first + i - 1] = ARGV[cursor + i]
    spent[first + i - 1] = known[i] == 1
  end
  spent_groups[g] = { key, first, first + n_nonces - 1, forget_at }
  cursor = cursor + n_nonces + 1
end

local answers, charged, newly_spent = {}, {}, {}
local requests, at, unpack_from = ARGV[cursor], 1, struct.unpack
for i = 1, n_requests do
  local r, q, s, interval, burst, limit, forget_at
  r, q, s, interval, burst, limit, forget_at, at = unpack_from('>I2I2I2I4I4I4I8', requests, at)
  local whole_burst = interval * burst
  local arrival = math.max(now, math.min(arrivals[r], now + whole_burst))
  local wait = arrival - (whole_burst - interval) - now
  local count = q > 0 and counts[q]
  if wait > 0 then
    answers[i] = wait
  elseif count and struct.unpack('>I4', count) >= limit then
    answers[i] = count
  elseif s > 0 and (spent[s] or forget_at * 1000000 <= now) then
    answers[i] = 0
  else
    arrivals[r] = arrival + interval
    answers[i] = now - arrivals[r]
    charged[r] = true
    if s > 0 then
      spent[s] = true
      newly_spent[s] = true
    end
  end
end

-- Keys expire by themselves, each later than anything in it can matter.
for g = 1, n_spent_groups do
  local group = spent_groups[g]
  local add = { 'SADD', group[1] }
  for i = group[2], group[3] do
    if newly_spent[i] then add[#add + 1] = nonces[i] end
  end
  if #add > 2 then
    redis.call(unpack(add))
    redis.call('PEXPIRE', group[1], math.ceil((group[4] * 1000000 - now) / 1000))
  end
end

local set = { 'HSET', rate_key }
for r = 1, n_rates do
  if charged[r] then
    set[#set + 1] = ARGV[rate_first + r - 1]
    set[#set + 1] = struct.pack('>I8', arrivals[r])
  end
end
if #set > 2 then
  redis.call(unpack(set))
  redis.call('PEXPIRE', rate_key, math.ceil(((window + 2) * RATE_WINDOW_US - now) / 1000))
end

if n_hints > 0 then
  for g = 1, n_quota_groups do
    local group = quota_groups[g]
    local learn, expires = { 'HSET', group[1] }, 0
    for i = group[2], group[3] do
      if hinted[i] then
        learn[#learn + 1] = count_fields[i]
        learn[#learn + 1] = counts[i]
        expires = math.max(expires, hinted[i])
      end
    end
    if #learn > 2 then
      redis.call(unpack(learn))
      local lives_ms = math.ceil((expires * 1000000 - now) / 1000)
      if redis.call('PTTL', group[1]) < lives_ms then redis.call('PEXPIRE', group[1], lives_ms) end
    end
  end
end

answers[n_requests + 1] = tonumber(began)
return answers
