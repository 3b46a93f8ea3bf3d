-- Decides one batch of requests in one step. The layout of arguments is written by `redis_wire.rs`.
--
-- KEYS[1]  prefix with a hash tag; every key used here is the prefix and a suffix, so all share one slot:
--          :pace:<window>       hash, person and rule id -> a record: theoretical arrival time in Unix
--                               microseconds; then up to six proofs, the latest first; then, when it was
--                               full, the Unix second until which a proof of theirs may stand in a set
--          :quota:<period>      hash, person and rule -> count, sequence, expiry in Unix seconds
--          :spent:<second>      set of proofs that may all be forgotten at that Unix second: those that
--                               found no place in their person's record, or would outlive it
--          :began               Unix microseconds at which this bucket began; the one key that stays
-- ARGV[1]  the time in Unix microseconds, for tests; 0 = the time of this server
-- ARGV[2]  numbers of records, quota groups, hints, rules, requests
-- ARGV[3]  the fields of the records, one after the other
-- ARGV[4]  the rules: emission interval, burst, limit each
-- then     per quota group: period and number of fields, then the fields
--          all hints: index of the quota field and the value to keep each
--          all requests: index of the record, of the quota field or 0, of the rule, the proof, and 0 without
--                        one, 1 for one that fits a record, 2 for one that may outlive it
--          where a proof is the last 48 bits of its nonce, enough among the few of one person, and the Unix
--          second at which it may be forgotten
-- Answers  per request: below 0 admitted, the negated time in microseconds after which the whole burst is
--          back; 0 already spent; above 0 the wait in microseconds; bytes = the kept count that is at the
--          limit or over. After them the moment at which the bucket began, by which a gateway sees that its
--          data was lost.
--
-- Unix microseconds stay below 2^53 until the year 2255, so doubles hold them exactly. No list given to
-- unpack is longer than five entries per request of a batch, far below Lua's limit of about 8000.
-- Only commands that Redis 7.0 and Valkey have. The arithmetic is the one of `gcra.rs`.
--
-- Every argument costs Redis an object, every value unpacked alone a call, and every command for a key or
-- field a look into a table that no cache holds: so there are few arguments, each is unpacked at once, and
-- what is asked of a person on every request stands in one record. Every string is garbage to be swept, so
-- records are taken apart only as far as is needed. Lists that have served are written over.

local RATE_WINDOW_US = 3600000000
local SPENT_WINDOW_S = 60
-- Of a person without a record: a time long ago, and no proof.
local NEVER = struct.pack('>I8', 0)
local PROOF_BYTES, PROOFS_BYTES, FULL_BYTES = 10, 60, 68
local SHORT, LONG = 1, 2
local find, sub = string.find, string.sub
local number = struct.unpack
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
local n_records, n_quota_groups, n_hints, n_rules, n_requests = struct.unpack('>I2I2I2I2I2', ARGV[2])
local cursor = 5

local began = call('GET', prefix .. ':began')
if not began then
  began = string.format('%.0f', now)
  call('SET', prefix .. ':began', began)
end

-- Records live in a hash per window, as fields cannot expire one by one. A pace charged before the previous
-- window has come back whole by now, and a proof kept there is forgotten by now, so the two latest windows
-- know everything.
local window = math.floor(now / RATE_WINDOW_US)
local now_s = math.floor(now / 1000000)
local window_ends_s = (window + 2) * RATE_WINDOW_US / 1000000
local record_key = prefix .. ':pace:' .. string.format('%.0f', window)
local fields = list('c17', n_records, ARGV[3])
local records = {}
if n_records > 0 then
  records = call('HMGET', record_key, unpack(fields))
  local unseen, unseen_at, n_unseen = {}, {}, 0
  for i = 1, n_records do
    if not records[i] then
      records[i] = NEVER
      n_unseen = n_unseen + 1
      unseen[n_unseen] = fields[i]
      unseen_at[n_unseen] = i
    end
  end
  if n_unseen > 0 then
    local before = call('HMGET', prefix .. ':pace:' .. string.format('%.0f', window - 1), unpack(unseen))
    for j = 1, n_unseen do
      if before[j] then records[unseen_at[j]] = before[j] end
    end
  end
end

-- Counts that the ledger told, numbered through all periods. What is expired is the same as never told.
local counts, n_counts, quota_groups = {}, 0, {}
for g = 1, n_quota_groups do
  local period, n_fields = struct.unpack('>I4I2', ARGV[cursor])
  local key = prefix .. ':quota:' .. string.format('%.0f', period)
  local members = list('c18', n_fields, ARGV[cursor], 7)
  local kept = call('HMGET', key, unpack(members))
  for i = 1, n_fields do
    local value = kept[i]
    if value and struct.unpack('>I8', value, 13) * 1000000 <= now then value = false end
    counts[n_counts + i] = value
  end
  quota_groups[g] = { key, members, n_counts, n_fields }
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

-- Spends a proof that finds no free place in the record of its person: the record's proofs after it, or nil
-- when it was spent before. To be asked last, for nothing refuses after it.
local function spend(field, proofs, proof, forget_at, lasts)
  local in_sets_until = 0
  if lasts == SHORT then
    if #proofs > PROOFS_BYTES then in_sets_until = number('>I4', proofs, PROOFS_BYTES + 1) end
    if in_sets_until <= now_s and number('>I4', proofs, PROOFS_BYTES - 3) <= now_s then
      return proof .. sub(proofs, 1, PROOFS_BYTES - PROOF_BYTES)
    end
  end
  local second = math.ceil(forget_at / SPENT_WINDOW_S) * SPENT_WINDOW_S
  local key = prefix .. ':spent:' .. string.format('%.0f', second)
  if call('SADD', key, field .. sub(proof, 1, 6)) == 0 then return nil end
  -- Keys expire by themselves, each later than anything in it can matter.
  call('PEXPIRE', key, math.ceil((second * 1000000 - now) / 1000))
  if lasts == LONG then return proofs end
  return sub(proofs, 1, PROOFS_BYTES) .. struct.pack('>I4', math.max(in_sets_until, forget_at))
end

-- Each answer is written over values of requests that were read before it.
local rules = list('I4I4I4', n_rules, ARGV[4])
local values = list('I2I2I2c10I1', n_requests, ARGV[cursor])
local charged, at = {}, 1
for i = 1, n_requests do
  local r, q, rule, proof, lasts =
    values[at], values[at + 1], values[at + 2] * 3, values[at + 3], values[at + 4]
  at = at + 5
  local interval = rules[rule - 2]
  local whole_burst = interval * rules[rule - 1]
  local record = records[r]
  local arrival = number('>I8', record)
  if arrival < now then
    arrival = now
  elseif arrival > now + whole_burst then
    arrival = now + whole_burst
  end
  local wait = arrival - (whole_burst - interval) - now
  local count = q > 0 and counts[q]
  if wait > 0 then
    values[i] = wait
  elseif count and number('>I4', count) >= rules[rule] then
    values[i] = count
  elseif lasts == 0 then
    records[r] = struct.pack('>I8', arrival + interval) .. sub(record, 9)
    charged[r] = true
    values[i] = now - arrival - interval
  else
    local forget_at = number('>I4', proof, 7)
    local proofs
    -- Refused are the proof that stands there, the one so late that nobody remembers, and the one that its
    -- record would forget too early, which nobody issues.
    if lasts == SHORT and (find(record, proof, 9, true) or forget_at > window_ends_s) or forget_at <= now_s then
      proofs = nil
    elseif lasts == SHORT and #record < FULL_BYTES then
      proofs = sub(record, 9)
    else
      proof, proofs = '', spend(fields[r], sub(record, 9), proof, forget_at, lasts)
    end
    if proofs then
      records[r] = struct.pack('>I8', arrival + interval) .. proof .. proofs
      charged[r] = true
      values[i] = now - arrival - interval
    else
      values[i] = 0
    end
  end
end

local set, n_set = {}, 0
for r = 1, n_records do
  if charged[r] then
    set[n_set + 1] = fields[r]
    set[n_set + 2] = records[r]
    n_set = n_set + 2
  end
end
if n_set > 0 then
  call('HSET', record_key, unpack(set, 1, n_set))
  call('PEXPIRE', record_key, math.ceil(((window + 2) * RATE_WINDOW_US - now) / 1000))
end

if n_hints > 0 then
  for g = 1, n_quota_groups do
    local key, members, before, n_fields = unpack(quota_groups[g])
    local learn, expires = { 'HSET', key }, 0
    for i = 1, n_fields do
      local index = before + i
      if hinted[index] then
        learn[#learn + 1] = members[i]
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
