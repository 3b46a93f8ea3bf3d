-- Decides one batch of requests in one step. The layout of arguments is written by `redis_wire.rs`.
--
-- KEYS[1]  prefix with a hash tag; every key used here is the prefix and a suffix, so all share one slot:
--          :rate:<window>       hash, person and rule id -> theoretical arrival time in Unix microseconds
--          :quota:<period>      hash, person and rule -> count, sequence, expiry in Unix seconds
--          :spent:<second>      set of nonces that may all be forgotten at that Unix second
--          :began               Unix microseconds at which this bucket began; the one key that stays
-- ARGV[1]  the time in Unix microseconds, for tests; 0 = the time of this server
-- ARGV[2]  numbers of rate fields, quota groups, hints, spent groups, rules, requests
-- ARGV[3]  the rate fields, one after the other
-- ARGV[4]  the rules: emission interval, burst, limit each
-- then     per quota group: period and number of fields, then the fields
--          all hints: index of the quota field and the value to keep each
--          per spent group: the second and number of nonces, then the nonces
--          all requests: index of rate field, of quota field or 0, of nonce or 0, of rule, and the second at
--                       which its nonce may be forgotten
-- Answers  per request: below 0 admitted, the negated time in microseconds after which the whole burst is
--          back; 0 already spent; above 0 the wait in microseconds; bytes = the kept count that is at the
--          limit or over. After them the moment at which the bucket began, by which a gateway sees that its
--          data was lost.
--
-- Unix microseconds stay below 2^53 until the year 2255, so doubles hold them exactly. No list given to
-- unpack is longer than five entries per request of a batch, far below Lua's limit of about 8000.
-- Only commands that Redis 7.0 and Valkey have. The arithmetic is the one of `gcra.rs`.
--
-- Every argument costs Redis an object, and every value unpacked alone a call: so there are few arguments, each
-- is unpacked at once, tables are made at their size, and lists that have served are written over.

local RATE_WINDOW_US = 3600000000
-- Of a person without a pace: a time long ago.
local NEVER = struct.pack('>I8', 0)
local call = redis.call

-- So many values of a format, and nothing after them, as a table.
local function list(format, count, from, at)
  local values = { struct.unpack('>' .. string.rep(format, count), from, at) }
  -- The position after them.
  values[#values] = nil
  return values
end

local prefix = KEYS[1]
local now = tonumber(ARGV[1])
if now == 0 then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local n_rates, n_quota_groups, n_hints, n_spent_groups, n_rules, n_requests =
  struct.unpack('>I2I2I2I2I2I2', ARGV[2])
local cursor = 5

local began = call('GET', prefix .. ':began')
if not began then
  began = string.format('%.0f', now)
  call('SET', prefix .. ':began', began)
end

-- Paces live in a hash per window, as fields cannot expire one by one. A pace charged before the previous
-- window has come back whole by now, so the two latest windows know everything.
local window = math.floor(now / RATE_WINDOW_US)
local rate_key = prefix .. ':rate:' .. string.format('%.0f', window)
local rate_fields = list('c33', n_rates, ARGV[3])
local arrivals = {}
if n_rates > 0 then
  local kept = call('HMGET', rate_key, unpack(rate_fields))
  local unseen, unseen_at, n_unseen = {}, {}, 0
  for i = 1, n_rates do
    if not kept[i] then
      kept[i] = NEVER
      n_unseen = n_unseen + 1
      unseen[n_unseen] = rate_fields[i]
      unseen_at[n_unseen] = i
    end
  end
  if n_unseen > 0 then
    local before = call('HMGET', prefix .. ':rate:' .. string.format('%.0f', window - 1), unpack(unseen))
    for j = 1, n_unseen do
      if before[j] then kept[unseen_at[j]] = before[j] end
    end
  end
  arrivals = list('I8', n_rates, table.concat(kept))
end

-- Counts that the ledger told, numbered through all periods. What is expired is the same as never told.
local counts, n_counts, quota_groups = {}, 0, {}
for g = 1, n_quota_groups do
  local period, n_fields = struct.unpack('>I4I2', ARGV[cursor])
  local key = prefix .. ':quota:' .. string.format('%.0f', period)
  local fields = list('c34', n_fields, ARGV[cursor], 7)
  local kept = call('HMGET', key, unpack(fields))
  for i = 1, n_fields do
    local value = kept[i]
    if value and struct.unpack('>I8', value, 13) * 1000000 <= now then value = false end
    counts[n_counts + i] = value
  end
  quota_groups[g] = { key, fields, n_counts, n_fields }
  n_counts = n_counts + n_fields
  cursor = cursor + 1
end

-- Hints carry the truth: the highest sequence wins, and nothing is added up. The halves are compared one
-- after the other, because a double does not hold 64 bits.
local hinted = {}
for h = 1, n_hints do
  local index = struct.unpack('>I2', ARGV[cursor], h * 22 - 21)
  local value = string.sub(ARGV[cursor], h * 22 - 19, h * 22)
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
end
cursor = cursor + 1

-- Of each nonce, numbered through all groups: 0 new, 1 spent before, 2 spent by this batch.
local spent, n_spent, spent_groups = {}, 0, {}
for g = 1, n_spent_groups do
  local forget_at, n_nonces = struct.unpack('>I8I2', ARGV[cursor])
  local key = prefix .. ':spent:' .. string.format('%.0f', forget_at)
  local nonces = list('c16', n_nonces, ARGV[cursor], 11)
  local known = call('SMISMEMBER', key, unpack(nonces))
  if g == 1 then
    spent = known
  else
    for i = 1, n_nonces do spent[n_spent + i] = known[i] end
  end
  spent_groups[g] = { key, nonces, n_spent, n_nonces, forget_at }
  n_spent = n_spent + n_nonces
  cursor = cursor + 1
end

-- Each answer is written over values of requests that were read before it.
local rules = list('I4I4I4', n_rules, ARGV[4])
local values = list('I2I2I2I2I4', n_requests, ARGV[cursor])
local charged, at = {}, 1
for i = 1, n_requests do
  local r, q, s, rule, forget_at = values[at], values[at + 1], values[at + 2], values[at + 3] * 3, values[at + 4]
  at = at + 5
  local interval = rules[rule - 2]
  local whole_burst = interval * rules[rule - 1]
  local arrival = arrivals[r]
  if arrival < now then
    arrival = now
  elseif arrival > now + whole_burst then
    arrival = now + whole_burst
  end
  local wait = arrival - (whole_burst - interval) - now
  local count = q > 0 and counts[q]
  if wait > 0 then
    values[i] = wait
  elseif count and struct.unpack('>I4', count) >= rules[rule] then
    values[i] = count
  elseif s > 0 and (spent[s] > 0 or forget_at * 1000000 <= now) then
    values[i] = 0
  else
    arrivals[r] = arrival + interval
    values[i] = now - arrivals[r]
    charged[r] = true
    if s > 0 then spent[s] = 2 end
  end
end

-- Keys expire by themselves, each later than anything in it can matter.
for g = 1, n_spent_groups do
  local key, nonces, before, n_nonces, forget_at = unpack(spent_groups[g])
  local n = 0
  for i = 1, n_nonces do
    if spent[before + i] == 2 then
      n = n + 1
      nonces[n] = nonces[i]
    end
  end
  if n > 0 then
    call('SADD', key, unpack(nonces, 1, n))
    call('PEXPIRE', key, math.ceil((forget_at * 1000000 - now) / 1000))
  end
end

local set, n_set = {}, 0
for r = 1, n_rates do
  if charged[r] then
    set[n_set + 1] = rate_fields[r]
    set[n_set + 2] = struct.pack('>I8', arrivals[r])
    n_set = n_set + 2
  end
end
if n_set > 0 then
  call('HSET', rate_key, unpack(set, 1, n_set))
  call('PEXPIRE', rate_key, math.ceil(((window + 2) * RATE_WINDOW_US - now) / 1000))
end

if n_hints > 0 then
  for g = 1, n_quota_groups do
    local key, fields, before, n_fields = unpack(quota_groups[g])
    local learn, expires = { 'HSET', key }, 0
    for i = 1, n_fields do
      local index = before + i
      if hinted[index] then
        learn[#learn + 1] = fields[i]
        learn[#learn + 1] = counts[index]
        expires = math.max(expires, hinted[index])
      end
    end
    if #learn > 2 then
      call(unpack(learn))
      local lives_ms = math.ceil((expires * 1000000 - now) / 1000)
      if call('PTTL', key) < lives_ms then call('PEXPIRE', key, lives_ms) end
    end
  end
end

values[n_requests + 1] = tonumber(began)
-- What is left of the requests is no part of the answer.
values[n_requests + 2] = nil
return values
