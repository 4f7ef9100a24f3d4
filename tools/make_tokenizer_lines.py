"""Writes tests/core/tokenizer/lines.json: a thousand lines that tokenizers get wrong when they get something wrong.

All of it is made up here, from a fixed seed: words of many scripts, combining marks, emoji, code, white space of
every kind, numbers, very long words, control characters, the special tokens of known models as plain text.

    python tools/make_tokenizer_lines.py
"""

import json
import random
import unicodedata
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "tests/core/tokenizer/lines.json"
R = random.Random(6)

WORDS = {
    "english": "the a of and to weight channel river under morning seventeen quickly it's we'll they've I'm he'd don't",
    "german": "Größe Straße für über Mädchen zwölf schön Donaudampfschifffahrt Ärger weiß",
    "french": "élève où garçon l'été aujourd'hui cœur naïf être forêt déjà",
    "spanish": "mañana corazón niño ¿cuándo? ¡hola! pingüino árbol camión",
    "portuguese": "coração não amanhã avó irmãs português às",
    "polish": "źdźbło żółw gęślą jaźń ćma Łódź środa",
    "czech": "příliš žluťoučký kůň úpěl ďábelské ódy řeka",
    "hungarian": "árvíztűrő tükörfúrógép őszintén hűség",
    "turkish": "İstanbul ışık çağrı şeker güneş ığdır IĞDIR",
    "romanian": "țară știință înțelept mâine ăsta",
    "icelandic": "þetta ðér ætla Íslenska öðru",
    "vietnamese": "Việt Nam tiếng nước người được không thưởng",
    "yoruba": "ọjọ́ àwọn ẹ̀kọ́ Yorùbá ṣe",
    "russian": "привет мир ёлка подъезд утро слова Россия щука",
    "ukrainian": "їжак ґанок єдність місто п'ять",
    "bulgarian": "ъгъл щастие български",
    "serbian": "Љубав његов џеп ђак",
    "kazakh": "қазақ әлем үлкен өмір ұшақ",
    "greek": "καλημέρα κόσμε ψυχή Ἀθῆναι ὁδός σοφίας ΟΔΟΣ",
    "armenian": "բարև աշխարհ և տուն",
    "georgian": "გამარჯობა მსოფლიო სახლი ᲗᲑᲘᲚᲘᲡᲘ",
    "hebrew": "שלום עולם בַּיִת סֵפֶר מלך",
    "arabic": "مرحبا بالعالم كِتَابٌ اللّٰه لا شمس ٱلْعَرَبِيَّة",
    "persian": "سلام دنیا می‌خواهم کتاب گربه",
    "urdu": "اردو ہے کتاب ٹھیک ڈاک",
    "syriac": "ܫܠܡܐ ܥܠܡܐ",
    "hindi": "नमस्ते दुनिया क्षत्रिय हिन्दी ज़मीन विद्यार्थी",
    "bengali": "বাংলা নমস্কার পৃথিবী ক্ষমা",
    "gurmukhi": "ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ ਦੁਨੀਆਂ",
    "gujarati": "નમસ્તે દુનિયા ગુજરાતી",
    "tamil": "வணக்கம் உலகம் தமிழ் கொடுத்தாள்",
    "telugu": "నమస్కారం ప్రపంచం తెలుగు",
    "kannada": "ನಮಸ್ಕಾರ ಪ್ರಪಂಚ ಕನ್ನಡ",
    "malayalam": "നമസ്കാരം ലോകം മലയാളം ക്ഷേത്രം",
    "sinhala": "ආයුබෝවන් ලෝකය ශ්‍රී",
    "thai": "สวัสดีชาวโลก น้ำ ภาษาไทย เก้าอี้",
    "lao": "ສະບາຍດີ ໂລກ ນ້ຳ",
    "tibetan": "བཀྲ་ཤིས་བདེ་ལེགས། བོད་སྐད་",
    "burmese": "မင်္ဂလာပါ ကမ္ဘာ မြန်မာ",
    "khmer": "សួស្តី ពិភពលោក ខ្មែរ",
    "amharic": "ሰላም ዓለም ኢትዮጵያ",
    "cherokee": "ᎣᏏᏲ ᏣᎳᎩ",
    "mongolian": "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ",
    "chinese": "你好世界 今天天气很好 量化权重 臺灣繁體字 龍 𠮷野家 㐀",
    "japanese": "こんにちは世界 カタカナ ひらがな 漢字かな交じり ﾊﾝｶｸ パーティー が",
    "korean": "안녕하세요 세계 한국어 값이 밝다 뷁",
    "inuktitut": "ᐃᓄᒃᑎᑐᑦ ᓄᓇᕗᑦ",
    "tifinagh": "ⵜⴰⵎⴰⵣⵉⵖⵜ ⴰⵣⵓⵍ",
    "gothic": "𐌲𐌿𐍄𐌹𐍃𐌺 𐍂𐌰𐌶𐌳𐌰",
    "cuneiform": "𒀭𒂗𒆤 𒈗",
    "deseret": "𐐔𐐯𐑅𐐨𐑉𐐯𐐻",
}

SPECIALS = (
    "<s> </s> <unk> <pad> <bos> <eos> <|endoftext|> <|begin_of_text|> <|end_of_text|> <|eot_id|> <|im_start|> <|im_end|> "
    "<|start_header_id|> <start_of_turn> <end_of_turn> <think> </think> <tool_call> [INST] [/INST] <<SYS>> <mask> "
    "<extra_id_0> <|fim_prefix|> <0x41> <0xE2> <0x0A> <0xFF> \u2581 \u2581the \u0120the \u010a \u00c4\u00a0 <unused0> <td> <h1>"
).split(" ")

SPACES = [
    " ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u0085",
    "\u2028", "\u2029", "\ufeff", "\u180e", "\u2060", "\u1680", "\u202f", "\x0b", "\x0c", "\x1c", "\u200d", "        ",
]

EMOJI = [
    "\U0001f600", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\u2764\ufe0f",
    "\U0001f1e9\U0001f1ea", "\U0001f1fa\U0001f1f8", "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "\U0001f9d1\u200d\U0001f680", "\U0001f3f3\ufe0f\u200d\U0001f308", "\u2620", "\u00a9\ufe0f", "\U0001fae0", "\u23f0", "\U0001f469\U0001f3ff\u200d\U0001f4bb",
]

CODE = [
    "def {a}({b}: int) -> str:\n    return f\"{{{b}!r:>10}}\"  # {n}",
    "\tif ({a} && !{b} || {a}[{n}] <<= 2) {{ {b}++; }}\r\n",
    "const {a} = async ({{ {b}, ...rest }}) => await fetch(`https://example.org/${{{b}}}?q={n}&r=%20`);",
    "#include <{a}.h>\n#define {b}(x) ((x) << {n}u)\n",
    "SELECT {a}, COUNT(*) FROM {b} WHERE id >= {n} AND name LIKE '%\\_%';",
    "{{\"{a}\": [{n}, -1.5e-3, null, true], \"{b}\": \"\\u00e9\\n\"}}",
    "<div class=\"{a}\" data-{b}='{n}'>&nbsp;&lt;{a}/&gt;</div>",
    "\\frac{{{a}_{{{n}}}}}{{\\sqrt{{{b}}}}} \\leq \\int_0^\\infty e^{{-x^2}}\\,dx",
    "$ grep -rn '^{a}.*{b}$' ./src | sed 's/\\t/    /g' > /dev/null 2>&1; echo $?",
    "for (let {a} = 0; {a} < {n}; {a} += 1) {{\n\t\t{b}[{a}] = {a} ** 2;\n}}",
    "@{a}\nclass {b}(Base[{n}]):\n\n\n    pass\n",
    "C:\\{a}\\{b}\\file_{n}.txt  \\\\server\\share  ~/.{a}/{b}",
    "/^(?:{a}|{b})+\\s*(?!\\d{{{n}}})[^\\]\\\\]$/giu",
    "fn {a}<'a, T: {b}>(x: &'a mut T) -> Option<u{n}> {{ None }}",
    "{a}::{b}->x.y?.z ?? {n} ?: != !== === <=> |> ... ..= #[{a}] @@ $$ %% ^^ ~~",
]

MARKS = ["\u0301", "\u0308", "\u0327", "\u0323", "\u20d7", "\u0338", "\u0345", "\u05b0", "\u064b", "\u093c", "\u3099", "\u0e31", "\u1dc4", "\ufe0e"]
COMPAT = (
    "ﬁ ﬂ Ａ Ｂｃ １２３ ½ ² ³ ₂ ① ㉑ Ⅷ ™ ℃ № ㎏ ｶﾞ ﾊﾟ ﷺ ª º µ Ω Å ĳ Ǆ ǅ ſ ẛ ﬀ 〜 ～ ‐ ‑ … ‥ ㌀ 𝒜 𝟘 ﹏ ＿ ｜ \u2002 \u2126 \u212b \uf900 \ufb4f \ufdfa \u1e9e"
).split(" ")
PUNCTUATION = "' \" ‘ ’ “ ” « » ‹ › „ — – - -- --- ... … . , ; : ! ? ¿ ¡ ( ) [ ] { } / \\ | @ # $ % ^ & * _ + = ~ ` § ¶ · • 。 、 ！ ？ 「 」 € £ ¥ ₹ ← ⇒ ∑ ∀ ≠ ≤ ∞ ░ █ ♠".split(" ")
ALL_WORDS = [word for words in WORDS.values() for word in words.split(" ")]


def words(language: str, count: int) -> str:
    return " ".join(R.choice(WORDS[language].split(" ")) for _ in range(count))


def joined(pool: list, count: int, separators: list) -> str:
    return "".join(R.choice(pool) + R.choice(separators) for _ in range(count))


def any_character() -> str:
    while True:
        top = R.choice([0x7F, 0x7FF, 0xFFFF, 0xFFFF, 0x1FFFF, 0x2FA1F, 0x10FFFF])
        code = R.randint(0, top)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def assigned_character() -> str:
    """One that Unicode 15 has, so that normalization does not depend on the version."""
    while True:
        character = any_character()
        if unicodedata.category(character) not in ("Cn", "Co"):
            return character


def name() -> str:
    return R.choice(["value", "groupSize", "x1", "_tmp", "HTTPServer", "naïve", "числа", "变量", "i", "MAX_LEN", "snake_case_name"])


def number() -> str:
    return R.choice([
        str(R.randint(0, 10 ** R.randint(1, 12))), f"{R.random():.5f}", f"{R.randint(0, 99)},{R.randint(100, 999)},{R.randint(100, 999)}",
        hex(R.randint(0, 2**32)), "1e-5", "٣٤٥٦", "१२३", "๑๒", "１２３", "Ⅷ", "3/4", "-17", "+49 30 1234", "2024-02-29T23:59:60Z", "1st 2nd", "½¾",
    ])


def long_word(length: int) -> str:
    kind = R.randint(0, 5)
    if kind == 0:
        return R.choice("aA-=.0!é中 \u2581\n") * length
    if kind == 1:
        return "".join(R.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(length))
    if kind == 2:
        return "".join(R.choice("ACGT") for _ in range(length))
    if kind == 3:
        return "".join(R.choice(WORDS["chinese"].replace(" ", "") + WORDS["thai"].replace(" ", "")) for _ in range(length))
    if kind == 4:
        return "".join(R.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") for _ in range(length))
    return "".join(R.choice(ALL_WORDS) for _ in range(length // 6))


def make_lines() -> list:
    lines = ["", " ", "  ", "\n", "\r\n", "\t", "a", " a", "a ", "\u2581", "\u2581 a", "\u0000", "é", "e\u0301", "\ufffd", "\ufeffa"]
    for language in WORDS:
        lines += [words(language, R.randint(2, 12)) for _ in range(4)]
        lines.append(words(language, 4).upper() + R.choice([".", "!", "。", ", "]) + words(language, 3))
    add = lines.append
    for _ in range(70):
        add(joined(ALL_WORDS, R.randint(3, 10), [" ", " ", "", ", ", "-", "\n", "  "]))
    for _ in range(45):
        add(unicodedata.normalize(R.choice(["NFD", "NFKD", "NFC"]), joined(ALL_WORDS, 5, [" "])))
    for _ in range(25):
        add("".join(R.choice("aeo n가कا") + "".join(R.choice(MARKS) for _ in range(R.randint(0, 4))) for _ in range(8)))
    for _ in range(60):
        add(joined(EMOJI + ["ok", "text"], R.randint(1, 6), ["", " ", "\u200d", "\ufe0f"]))
    for _ in range(110):
        add(R.choice(CODE).format(a=name(), b=name(), n=R.randint(0, 999)))
    for _ in range(110):
        add(joined(SPACES + ["a", "the", "word", "1", ".", "é"], R.randint(2, 14), ["", "", "b"]))
    for _ in range(40):
        add(joined([number() for _ in range(5)], 4, [" ", "", ", "]))
    for _ in range(28):
        add(R.choice(["", " ", "see "]) + long_word(R.choice([60, 200, 500, 2000])) + R.choice(["", " end", "\n"]))
    for _ in range(20):
        add("".join(chr(R.choice([*range(32), 127, 128, 155, 0xAD, 0x200E, 0x202E])) + R.choice(["", "a", " "]) for _ in range(10)))
    for _ in range(90):
        add(joined(SPECIALS, R.randint(1, 4), ["", " ", "text", " two words ", "\n", "  "]))
    for _ in range(12):
        add(joined(["\ufffd", "a", "中", "\ufffd\ufffd"], 6, ["", " "]))
    for _ in range(40):
        add(joined(PUNCTUATION + ["word", "It's", "o'clock", "'TIS", "we'LL"], R.randint(3, 12), ["", "", " "]))
    for _ in range(40):
        add(joined(COMPAT, R.randint(2, 7), ["", " "]))
    while len(lines) < 1000:
        add("".join(assigned_character() for _ in range(R.randint(1, 25))))
    assert len(lines) == 1000, len(lines)
    return lines


if __name__ == "__main__":
    OUT.write_text(json.dumps(make_lines(), indent=2) + "\n", "ascii")
