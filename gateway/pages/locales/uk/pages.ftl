# Тексти сторінок.

# Рамка кожної сторінки.
site-name = Талон
site-tagline = Електронна черга
site-language-name = Українська
site-skip = Перейти до змісту
site-menu = Меню
site-tickets = Мої талони
site-log-in = Увійти
site-log-out = Вийти
site-appearance = Вигляд сторінки
site-smaller = Менші літери
site-larger = Більші літери
site-high-contrast = Високий контраст
site-colours = Звичайні кольори
site-trail = Ваш вибір
site-change = змінити
site-step = Крок { $step } із 5
site-demo = Демонстрація: особи вигадані, записи несправжні.
site-foot = Талон іменний: його не можна передати чи продати. Ліміти для всіх однакові.

# Дати, час, часові пояси.
date-weekday-1 = понеділок
date-weekday-2 = вівторок
date-weekday-3 = середа
date-weekday-4 = четвер
date-weekday-5 = п’ятниця
date-weekday-6 = субота
date-weekday-7 = неділя
date-weekday-short-1 = пн
date-weekday-short-2 = вт
date-weekday-short-3 = ср
date-weekday-short-4 = чт
date-weekday-short-5 = пт
date-weekday-short-6 = сб
date-weekday-short-7 = нд
date-month-title-1 = Січень
date-month-title-2 = Лютий
date-month-title-3 = Березень
date-month-title-4 = Квітень
date-month-title-5 = Травень
date-month-title-6 = Червень
date-month-title-7 = Липень
date-month-title-8 = Серпень
date-month-title-9 = Вересень
date-month-title-10 = Жовтень
date-month-title-11 = Листопад
date-month-title-12 = Грудень
date-month-1 = січня
date-month-2 = лютого
date-month-3 = березня
date-month-4 = квітня
date-month-5 = травня
date-month-6 = червня
date-month-7 = липня
date-month-8 = серпня
date-month-9 = вересня
date-month-10 = жовтня
date-month-11 = листопада
date-month-12 = грудня
date-day-month = { $day } { $month }
date-day-month-year = { $day } { $month } { $year }
date-full = { $weekday }, { $day } { $month } { $year }
date-moment = { $date } о { $time }
zone-home = за київським часом ({ $offset })
zone-other = за місцевим часом офісу ({ $zone }, { $offset })
zone-note = Увесь час тут — { $zone }.

# Початок: послуги.
front-title = Запис на прийом
front-lead = Оберіть послугу, офіс і час. Кожне місце дістається одній людині — тій, яка прийде.
front-log-in = Вільні місця видно всім. Щоб записатися, потрібна електронна ідентифікація.
front-logged-in = Ви увійшли. Ваші записи тут:
front-authorities = До кого ви йдете?
authority-others = Інші установи
front-services = Що вам потрібно?
front-minutes = { $minutes ->
    [one] { $minutes } хвилина
    [few] { $minutes } хвилини
   *[many] { $minutes } хвилин
}
front-opens = { $days ->
    [one] Нові дати щодня о { $time }, за { $days } день до візиту
    [few] Нові дати щодня о { $time }, за { $days } дні до візиту
   *[many] Нові дати щодня о { $time }, за { $days } днів до візиту
}

# Офіси.
offices-title = Оберіть офіс
offices-jump = Одразу до вибору офісу
offices-search = Місто, вулиця або номер офісу
offices-find = Знайти
offices-first = найближче місце: { $date }
offices-none-free = вільних місць немає
offices-show-all = Показати всі
offices-count = { $count ->
    [one] { $count } офіс
    [few] { $count } офіси
   *[many] { $count } офісів
}
offices-match = { $count ->
    [0] Нічого не знайдено.
    [one] Знайдено { $count } офіс.
    [few] Знайдено { $count } офіси.
   *[many] Знайдено { $count } офісів.
}
offices-found = { $count ->
    [0] Цю послугу поки не надає жоден офіс.
    [one] Цю послугу надає { $count } офіс.
    [few] Цю послугу надають { $count } офіси.
   *[many] Цю послугу надають { $count } офісів.
}

# Що треба знати, перш ніж прийти.
about-title = Перш ніж записатися
about-test-mode = Тестовий режим
about-test-mode-explained = Онлайн-запис на цю послугу працює в тестовому режимі й лише в окремих офісах.
about-no-booking = Записуватися не потрібно:
about-who = Хто може записатися
about-documents = Візьміть із собою
about-fee = Вартість
about-free = безоплатно
about-hryvnias = { $amount } грн
about-legal-basis = Правові підстави
about-phones = Допомога телефоном
about-questions = Запитання й відповіді
about-more-questions = Більше запитань і відповідей про запис
about-alternatives = Куди ще звернутися
about-office-phones = Телефон офісу:
about-closed = Зачинено від { $from } до { $to }: { $reason }
about-limited = Скорочені години від { $from } до { $to }: { $reason }

# Дні.
days-title = Оберіть день
days-first = Найближче вільне місце — { $date }.
days-all-taken = Зараз вільних місць у цьому офісі немає.
days-nearby = Вільно неподалік
days-announced = Скоро відкриється
days-legend = Число під датою — скільки вільних місць; 0 — місць немає; … — запис на цей день ще не відкрито.
days-none = Цей офіс поки не має днів для цієї послуги.
days-free = { $free ->
    [0] місць немає
    [one] { $free } місце
    [few] { $free } місця
   *[many] { $free } місць
}
days-opens = Відкриється { $moment }
days-opens-late = Відкриється із запізненням: { $moment }
days-opens-unknown = Коли відкриється запис, ще не відомо

# Час.
times-title = Оберіть час
times-none = На цей день місць немає
times-none-explained = Місце, від якого хтось відмовився, повертається не одразу, а трохи згодом. Подивіться інші дні або інші офіси.
times-reload = Оновити

# Відкриття запису.
release-left = До відкриття запису
release-clock = За годинником сервера. Оновлювати сторінку не треба.
release-opened = Запис відкрито.
release-minutes = До відкриття [n] хв.
release-seconds = До відкриття [n] с.
release-wishes = Який час вам підходить?
release-wishes-explained = Позначте від одного до шістнадцяти. Коли запис відкриється, ми займемо перший вільний із них. Не позначите жодного — займемо будь-який.
release-prepare = Підготуватися
release-later = За добу до відкриття тут можна буде обрати час і підготуватися.
ready-title = Усе готово, чекаємо на відкриття
ready-title-out = Увійдіть заздалегідь
ready-title-open = Запис відкрито
ready-wishes = Ваші побажання
ready-any = Будь-який вільний час цього дня, від найранішого.
ready-order = Займемо перший вільний час у такому порядку:
ready-earlier = вище
ready-without = прибрати
ready-left = Вільних часів на цей день: [n].
ready-free = вільно
ready-taken = зайнято
ready-how = Натиснути можна вже зараз: запит піде сам тієї миті, коли відкриється запис. Встигати пальцем не треба.
ready-log-in = Щоб записатися в перші секунди, увійдіть зараз. Після входу ви повернетеся сюди з тими самими побажаннями.
ready-change = Обрати інший час

# Підтвердження.
confirm-what = Що ви підтверджуєте
confirm-title = Перевірте й підтвердьте
confirm-cancel-until = Скасувати запис можна буде до { $moment }.
confirm-book = Записатися
confirm-for = Для кого цей візит?
confirm-for-person = Для себе
confirm-for-entity = Для моєї організації
confirm-moved-from = Ви переносите запис
confirm-move = Перенести запис
confirm-move-explained = Старе місце тієї ж миті звільниться для інших, і повернути його не вийде.
confirm-log-in = Щоб записатися, підтвердьте, хто ви. Після входу ви повернетеся сюди; до підтвердження місце не закріплене за вами.
confirm-log-in-button = Увійти й продовжити

# Форма, якою займають місце.
claim-waiting = Запит піде сам, щойно задачу буде розв’язано. Не закривайте сторінку.
claim-sending = Надсилаємо запит…
claim-again = Відповіді ще немає, надсилаємо ще раз. Двічі вас не запишуть.
claim-lost = Зв’язку немає. Перевірте з’єднання й натисніть ще раз: двічі вас не запишуть.
claim-armed = Прийнято. Запит піде сам, щойно відкриється запис. Не закривайте сторінку й не вимикайте екран.
claim-session = Ваш вхід чинний до { $moment }.
claim-extend = Подовжити вхід
claim-ending = За дві хвилини ваш вхід закінчиться. Подовжте його: усе обране лишиться.
claim-ends-too-early = Ваш вхід закінчиться ще до відкриття запису. Подовжте його перед самим відкриттям: усе обране лишиться.
claim-promised = Зачекайте. Записатися можна буде з { $moment }, протягом пів години. До того місце не закріплене за вами. Не закривайте сторінку, а тоді натисніть кнопку.
claim-promised-now = Записатися без задачі можна до { $moment }. Доки ви цього не зробили, місце не закріплене за вами.

# Перевірка, яку розв’язує пристрій.
proof-working = Ваш пристрій розв’язує задачу проти ботів…
proof-ready = Готово: задачу розв’язано.
proof-failed = Не вдалося розв’язати задачу. Оновіть сторінку.
proof-unable = Цей браузер не може розв’язати задачу.
proof-estimate = На цьому пристрої це зазвичай триває близько [n] с.
proof-why = Це сповільнює програми, що скуповують місця. На порядок у черзі це не впливає.
proof-unable-notice = Для запису браузер має розв’язати задачу проти ботів. Цей браузер її не розв’язує: він застарий, або в ньому вимкнено JavaScript.
proof-other-ways = Відкрийте сторінку в іншому браузері, запишіться в офісі або зателефонуйте:
proof-slow-lane = Записатися без задачі через { $minutes ->
    [one] { $minutes } хвилину
    [few] { $minutes } хвилини
   *[many] { $minutes } хвилин
}
proof-slow-lane-explained = Або зачекайте: тоді задачу розв’язувати не треба. Так на добу маєте { $tries ->
    [one] { $tries } спробу
    [few] { $tries } спроби
   *[many] { $tries } спроб
}.

# Талон.
ticket-label = Талон
ticket-number = Талон №
ticket-service = Послуга
ticket-office = Де
ticket-date = Дата
ticket-time = Час
ticket-lasts = Тривалість
ticket-state-ahead = Чинний
ticket-state-over = Візит минув
ticket-state-cancelled = Скасовано
ticket-state-moved = Перенесено
ticket-state-missed = Пропущено
ticket-outcome-ahead = Вас записано
ticket-outcome-over = Час візиту минув
ticket-outcome-cancelled = Запис скасовано
ticket-outcome-moved = Запис перенесено на інший час
ticket-outcome-moved-here = Запис перенесено
ticket-outcome-missed = Візит пропущено
ticket-cancel-until = Скасувати запис можна до { $moment }.
ticket-cancel-was-until = Скасувати запис можна було до { $moment }.
ticket-for = Для кого
ticket-for-entity = Для вашої організації
ticket-move = Перенести на інший час
ticket-move-until = Перенести запис на інший час можна до { $moment }.
ticket-move-was-until = Перенести запис можна було до { $moment }.
ticket-cancel = Скасувати запис
ticket-cancel-explained = Місце звільниться для інших, і повернути його не вийде.
ticket-cancel-counts = Скасований запис і далі враховується у вашому ліміті.
ticket-cancelled-explained = Місце віддано іншим.
ticket-cancel-confirm = Так, скасувати
ticket-all = Усі мої талони
ticket-change = Якщо плани змінилися
ticket-qr = QR-код талона
ticket-qr-explained = Покажіть код в офісі. У ньому лише номер талона, ваших даних немає.
ticket-calendar = Додати в календар
ticket-print = Надрукувати
ticket-checks = Позначайте, що вже зібрали. Позначки ніде не зберігаються.
ticket-calendar-summary = { $service }, талон { $number }
ticket-calendar-when = { $time } { $zone }.
ticket-again = Записатися знову

# Перенесення запису.
move-note = Ви обираєте інший час для талона { $number }. До підтвердження він лишається як є.

# Мої талони.
tickets-count = { $count ->
    [one] { $count } талон
    [few] { $count } талони
   *[many] { $count } талонів
}
tickets-offline = Зв’язку немає. Це копія, збережена на цьому пристрої: талон могли змінити.
device-title = Талони без зв’язку
device-explained = Талони можна зберегти на цьому пристрої, щоб показати їх і без інтернету. Збережене побачить кожен, хто відкриє цей браузер, навіть без входу, тому не робіть цього на чужому пристрої. Коли ви вийдете, збережене зітреться.
device-save = Зберегти на цьому пристрої
device-forget = Стерти з цього пристрою
device-saved = Збережено. Талони відкриються тут і без зв’язку.
device-forgotten = Стерто з цього пристрою.
device-failed = Не вдалося зберегти: браузер не дозволяє.
tickets-ahead = Попереду
tickets-none = Чинних записів немає.
tickets-new = Записатися
tickets-past = Минулі та скасовані

# Відмови, сказані для людини.
problem-left = Ще вільно цього дня
problem-try-again = Спробувати ще раз
problem-open-form = Відкрити форму знову
problem-other-days = Інші дні
problem-other-offices = Інші офіси
problem-to-start = На початок
problem-to-ticket = До талона
problem-request-id = Номер звернення для підтримки
problem-nothing-left = Вільних місць на цей день не лишилося
problem-wishes-taken = Обраний час уже зайняли, але вільний час ще є
problem-slow-lane-early = Записатися без задачі можна буде з { $moment }.
problem-form-is-old = Ця форма застаріла. Відкрийте її знову: другого запису не буде.
problem-pow-required = Браузер не розв’язав задачу проти ботів. Відкрийте форму знову й зачекайте, доки вона скаже «Готово». Потрібен JavaScript.
problem-pow-again = Розв’язок задачі проти ботів уже не діє. Відкрийте форму знову: браузер розв’яже нову.
problem-tries-used = Ви вже використали { $tries ->
    [one] { $tries } спробу
    [few] { $tries } спроби
   *[many] { $tries } спроб
} без задачі на сьогодні. Поверніться завтра, скористайтеся іншим браузером або зателефонуйте до офісу.
problem-overloaded = Спробуйте ще раз за кілька секунд. Якщо запис уже зроблено, другого не буде.
problem-unavailable = Надішліть цю саму форму ще раз: якщо запис уже зроблено, ви побачите його, другого не буде.
problem-unknown-place = Адреса з помилкою, або цей офіс більше не надає цієї послуги.
problem-already-booked = На одну послугу можна мати один чинний запис. Скасуйте його або дочекайтеся візиту.
problem-blocked-for-absence = Ви пропустили { $count ->
    [one] { $count } візит
    [few] { $count } візити
   *[many] { $count } візитів
}, не скасувавши запис. Онлайн-запис заблоковано, доки в офісі особисто не знімуть блокування.
problem-retake-too-soon = Після невдалої спроби потрібно зачекати. Записатися можна на дату від { $moment }.
problem-too-late-to-cancel = Скасувати запис можна було до { $moment }.
problem-too-late-to-move = Перенести запис можна було до { $moment }.
problem-quota-month-of-registration = За один календарний місяць можна записатися онлайн не більше ніж { $limit ->
    [one] { $limit } раз
    [few] { $limit } рази
   *[many] { $limit } разів
}. Цього місяця у вас уже { $count }.
problem-quota-month-of-visit = На один календарний місяць можна мати не більше ніж { $limit ->
    [one] { $limit } запис
    [few] { $limit } записи
   *[many] { $limit } записів
} онлайн. На цей місяць у вас уже { $count }.
problem-quota-day-of-registration = За один день можна записатися онлайн не більше ніж { $limit ->
    [one] { $limit } раз
    [few] { $limit } рази
   *[many] { $limit } разів
}. Сьогодні у вас уже { $count }.
problem-quota-day-of-visit = На один день можна мати не більше ніж { $limit ->
    [one] { $limit } запис
    [few] { $limit } записи
   *[many] { $limit } записів
} онлайн. На цей день у вас уже { $count }.
problem-quota-cancelled-count = Скасовані теж враховуються.
problem-quota-resets = Знову можна буде з { $moment }.

# Сторінка, на якій людина погоджується, що застосунок записуватиме її.
app-title = «{ $app }» хоче записувати вас
app-lead = Ви входите з електронною ідентифікацією тут, а не в застосунку. Після цього застосунок зможе бачити, створювати, переносити й скасовувати ваші записи, доки вхід чинний, і не більше, ніж можете ви на цьому сайті.
app-only-if = Продовжуйте, лише якщо ви щойно самі відкрили цей застосунок.
app-agree = Увійти для застосунку
app-decline = Не дозволяти
