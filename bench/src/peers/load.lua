-- The load of wrk: bookings of persons and places that are new each time, or reads.
--
-- Arguments: what ("book", "spread" or "read"), the file of session tokens, the first number, threads,
-- offices, visits of one time at one office, times of a day, minutes of a step, dates with commas, and the
-- file of proofs, if bookings carry any.
-- Number N is of person N modulo tokens. "book" fills one day of an office after the other, "spread" all
-- days at once.

local threads = 0

function setup(thread)
    thread:set("thread", threads)
    threads = threads + 1
end

function init(args)
    what = args[1]
    tokens = {}
    for line in io.lines(args[2]) do tokens[#tokens + 1] = line end
    number = tonumber(args[3]) + thread
    stride = tonumber(args[4])
    offices = tonumber(args[5])
    desks = tonumber(args[6])
    times = tonumber(args[7])
    step = tonumber(args[8])
    dates = {}
    for date in args[9]:gmatch("[^,]+") do dates[#dates + 1] = date end
    proofs = {}
    if args[10] then
        for line in io.lines(args[10]) do proofs[#proofs + 1] = ',"altcha":"' .. line .. '"' end
    end
    clock = {}
    for index = 0, times - 1 do
        local minute = 480 + index * step
        clock[index] = string.format("%02d:%02d", math.floor(minute / 60), minute % 60)
    end
    host = "Host: " .. wrk.host .. ":" .. wrk.port .. "\r\n"
    starts = offices * #dates * times
    -- Coprime to the number of starts, so that each comes once before any comes twice.
    hop = 7919
end

local function place(n)
    local start
    if what == "spread" then
        start = (n * hop) % starts
    else
        local day = math.floor(n / (times * desks))
        start = (day * times + n % times) % starts
    end
    local day = math.floor(start / times)
    return day % offices + 1, dates[math.floor(day / offices) + 1], clock[start % times]
end

function request()
    local n = number
    number = number + stride
    local office, date, time = place(n)
    if what == "read" then
        local path = "GET /api/v1/authorities/bench/offices/" .. office .. "/services/visit/days"
        if n % 2 == 1 then path = path .. "/" .. date .. "/starts" end
        return path .. " HTTP/1.1\r\n" .. host .. "\r\n"
    end
    local body = '{"authority":"bench","office":' .. office ..
        ',"service":"visit","wishes":[{"date":"' .. date .. '","time":"' .. time .. '"}]' .. (proofs[n % #tokens + 1] or "") .. '}'
    return "POST /api/v1/bookings HTTP/1.1\r\n" .. host ..
        "Authorization: Bearer " .. tokens[n % #tokens + 1] ..
        "\r\nIdempotency-Key: bench-" .. n ..
        "\r\nContent-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        "figures %d %d %d %d %d %d\n", summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
