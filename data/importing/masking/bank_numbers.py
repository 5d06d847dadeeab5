"""Where a text holds IBANs, payment cards, and the numbers of accounts, customers, policies and tax payers.

Finders as in links_and_emails.py.
"""

import re
from collections.abc import Iterator
from functools import cache

from stdnum import iban, luhn, numdb
from stdnum.es import dni, nie

from data.importing.masking.cues import cue_before
from data.importing.masking.links_and_emails import Place, apart

_IBAN_START = re.compile(r"(?<![^\W_])[A-Z]{2}[\s.-]?\d\s?\d(?=[\s.-]{0,2}[A-Z\d])", re.IGNORECASE)
# White space, full stops and dashes between the groups, as people copy and type them.
_NEXT_OF_IBAN = re.compile(r"[\s.-]{0,2}+([A-Za-z0-9])")
_LONGEST_IBAN = 34
_NAMED_IBAN = re.compile(r"\biban\b\W{0,3}(?:\w{2,6}\W{1,3})?$", re.IGNORECASE)
_BLOCK = re.compile(r"(\d+)!([nac])")

_CARD_RUN = re.compile(r"(?<![\w.,])\d{2,19}+(?:(?:\s?[-–]\s?|\s{1,2}|\.)\d{2,19}+)*(?!\w)")
_GROUPS = re.compile(r"\d+")
# Parted by signs that part other numbers as well, so that only the groups of a card count, all parted alike.
_PARTED_CARD = re.compile(
    r"(?<![^\W_])(?<!\d[/,_:.])\d{4}(\s?[/,_:]\s?)(?:\d{4}\1\d{4}\1\d{4}|\d{6}\1\d{5})(?![^\W_]|\1\d{4})"
)
_HIDDEN_CARD = re.compile(r"(?<![\w*•])[\dXx*•]{4}(?:[ -]{0,2}[\dXx*•]{4}){2}[ -]{0,2}[\dXx*•]{1,7}(?![\w*•])")
_BRAND_STARTS = {
    13: ("4",),
    14: ("30", "36", "38", "39"),
    15: ("34", "37"),
    16: ("4", "51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27", "6", "35", "50", "56", "57", "58"),
    17: ("6", "50", "56", "57", "58"),
    18: ("6", "50", "56", "57", "58"),
    19: ("4", "6", "50", "56", "57", "58"),
}

_UNITS = (
    r"€|\$|£|%|euros?|eur|usd|gbp|dollars?|pounds?|points?|punkte|times?|x|days?|tage|hours?|hrs?|uhr|minutes?|mins?|"
    r"weeks?|months?|years?|people|users?|followers|am|pm"
)
# These words name an account by themselves.
_ACCOUNTS = (
    r"accounts?|accts?|a/c|acc|bank\s?account|checking|savings|konto|girokonto|vertragskonto|kundenkonto|compte|cuenta|conto|"
    r"conta|c/c|rekening"
)
# These only with a word or a sign for "number", or before a number with letters in it.
_HOLDERS = (
    r"customer|cust|client|contract|member|membership|subscriber|policy|loan|mortgage|passport|insurance|licen[cs]e|"
    r"driver'?s\slicen[cs]e|driving\slicen[cs]e|patient|taxpayer|tax(?:\s(?:id|identification|payer|reference|file))?|user|loyalty|frequent\sflyer|kunden?|mitglieds?|"
    r"versicherungs?|vertrags?|policen?|steuer|ausweis|reisepass|contrat|adh[ée]rent|police|s[óo]ci[oa]|p[óo]liza|"
    r"polizza|contratto|contrato|ap[óo]lice|cliente|tessera|passeport|pasaporte|passaporto|klant|klanten|\w{0,12}polis|lid|"
    r"group|plan|scheme|pension|beneficiary|payee|payroll|enrol?lment|vat|tva|btw|mwst|ust|gst|iva|assurance|seguro|rsu"
)
# And these cannot name anything else.
_NUMBERS = (
    r"sort\s?-?codes?|s/c|routing|aba|bsb|ifsc|ssn|social\ssecurity|national\sinsurance|ni\s(?:number|no)|nino|itin|ein|utr|"
    r"nhs|tfn|aadhaar|aadhar|cpf|cnpj|dni|nie|nif|codice\sfiscale|partita\siva|p\.?\siva|s[ée]curit[ée]\ssociale|"
    r"seguridad\ssocial|siret|siren|rib|blz|bankleitzahl|kto\.?|(?:konto|kunden|mitglieds|versicherungs|vertrags|"
    r"versicherten|policen|versicherungsschein|steuer|sozialversicherungs|ausweis|depot|kredit|darlehens|"
    r"kundenkonto|reisepass|rentenversicherungs)(?:nummer|nr|id|-nr|-nummer|-id)|steueridentifikationsnummer|kdnr|kd\.?-?\s?nr|"
    r"(?:klant|polis|contract|rekening|lid|relatie|verzekerings|burgerservice)(?:nummer|nr)|"
    r"(?:national\s|identity\s|citizen\s|voter\s)?id(?:entity|entification)?\snumber|national\sid|"
    r"ust-?\s?id(?:-?\s?(?:nr|nummer))?\.?|umsatzsteuer-?id\w{0,8}|ahv|avs|bsn|ppsn?|gstin|abn|acn|bvn|nuban|kra\spin|cuit|cuil|"
    r"pesel|regon|eori|curp|rfc|clabe|cbu|personnummer|cpr|svnr|niss|emso|oib|uan|duns|swift|micr|ag[êe]ncia|"
    r"branch\s?code|bank\s?code|(?-i:ABI|CAB|NSC|SIN|TIN|NIN|CIF|NIT|RUC|RUT|NIP|EPF|PPS|LEI|UTR|CRN|MRN)"
)
_NUMBER_WORDS = (
    r"numbers?|no|num|nbr|nr|n|nummer|id|ids|code|ref|reference|r[ée]f[ée]rence|referenz|referentie|referencia|"
    r"n[úu]mero|num[ée]ro|nro|codice|c[óo]digo|n[°ºo]|№|#|:|="
)
_LINKING_WORDS = (
    r"is|was|ist|war|lautet|est|es|[eè]|é|the|my|our|your|of|de|du|del|di|do|da|le|la|el|il|o|and|und|et|y|which|"
    r"corrente|corriente|courant|bancaire|bancari[ao]|with|you|us|bei|ihnen|euch|chez|vous|con|voi|ustedes|me|d|"
    r"assurance|assicurazione|seguro"
)
_FILL = (
    rf"(?:\s{{1,3}}+|[^\W\d]{{1,14}}(?=\s?:)|[.\-–('’/?]|(?:{_LINKING_WORDS})(?!\w)"
    rf"|(?P<number>(?:{_NUMBER_WORDS})(?!\w)|[#:=№])){{0,10}}"
)
_VALUE = (
    r"(?P<value>(?:(?-i:[A-Z]{1,5})\s|[A-Z]{1,5}[-/.]?)?\d[\dA-Z]{0,30}"
    rf"(?:[-/][\dA-Z]{{1,20}}|\s(?-i:\d{{1,4}}[A-Z]\d{{1,6}}(?!\w))"
    rf"|[ .]\d{{2,20}}[A-Z]?(?!\w|,\d|\s?(?:{_UNITS})(?!\w))){{0,8}}"
    r"(?:\s(?-i:[A-D])(?!\w))?)(?!\w|,\d)"
)
# "numéro de compte 123", "n° client 123": the word for "number" before the word for the account.
_BEFORE = (
    r"(?:(?P<ahead>(?<!\w)(?:n[°ºo]|num[ée]ro|n[úu]mero|nro|numero|number|id|codice|"
    r"code|c[óo]digo)\.?\s(?:(?:de|du|del|di|do|da|of|d')\s?)?))?"
)
_WORD = rf"(?<![^\W_])(?:(?P<strong>{_NUMBERS})|(?P<account>{_ACCOUNTS})|(?P<holder>{_HOLDERS}))(?:nummer|nr)?(?!\w)"
_ACCOUNT = re.compile(_BEFORE + _WORD + rf"(?:\s(?:{_ACCOUNTS}|{_HOLDERS})(?!\w))?" + _FILL + _VALUE, re.IGNORECASE)
# The value of an account has four digits near each other; its word stands not far before it.
_FOUR_DIGITS = re.compile(r"\d(?:\W?[A-Za-z]?\d){3}")
_REACH = 80
# What the form alone tells: sort code and account, US social security, CPF, UK national insurance, codice fiscale, AHV,
# GSTIN, the Indian PAN; the last two with a word before.
_SHAPES = re.compile(
    r"(?<![\w.-])(?:\d\d-\d\d-\d\d[\s,/)]{1,3}\d{8}|\d{3}-\d\d-\d{4}|\d{3}\.\d{3}\.\d{3}-\d\d"
    r"|[A-Z]{2} \d\d \d\d \d\d [A-D]|[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]"
    r"|756\.\d{4}\.\d{4}\.\d\d|\d\d[A-Z]{5}\d{4}[A-Z][\dA-Z]Z[\dA-Z]"
    r"|[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]|(?<=PAN )[A-Z]{5}\d{4}[A-Z]|(?<=[Ss]ort )\d\d-\d\d-\d\d)(?![\w-]|\.\d)"
)
# Of these the check letter tells.
_SPANISH = re.compile(r"(?<![\w-])[\dXYZ]\d{7}-?[A-Z](?!\w)")
_AFTER = re.compile(
    r"(?<![\w.,-])\d[\d-]{3,20}\d\s{1,2}(?=(?:is|as)\s(?:my|our|the)\s"
    r"(?:bank\s)?(?:account|acct|sort\scode|customer|member|policy|routing)(?!\w))",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_PRICE = re.compile(r"\d+\.\d\d?|(?:rs|inr|usd|eur|gbp|aud|cad|brl)\W?\d.*", re.IGNORECASE)


def ibans(text: str) -> Iterator[Place]:
    """International bank account numbers (ISO 13616), the mistyped ones of the right country and length as well."""
    end = 0
    for found in _IBAN_START.finditer(text):
        if found.start() >= end and (stop := _end_of_iban(text, found)):
            yield found.start(), stop
            end = stop


def cards(text: str) -> Iterator[Place]:
    """Payment cards: of the form of a card, or with the right check digit (ISO/IEC 7812); partly hidden ones too."""
    found = [run.span() for run in _HIDDEN_CARD.finditer(text) if _is_hidden_card(run[0])]
    for run in _CARD_RUN.finditer(text):
        found += _cards_in(text, run)
    found += [run.span() for run in _PARTED_CARD.finditer(text) if _is_parted_card(text, run)]
    return apart(found)


def accounts(text: str) -> Iterator[Place]:
    """Numbers that a word beside them, or their form, calls an account, a customer, a policy or a tax payer."""
    near = _FOUR_DIGITS.search(text)
    if near is None:
        return iter(())
    start = max(0, near.start() - _REACH)
    found = [shape.span() for shape in _SHAPES.finditer(text, start)]
    found += [
        match.span() for match in _SPANISH.finditer(text, start) if dni.is_valid(match[0]) or nie.is_valid(match[0])
    ]
    found += [match.span("value") for match in _ACCOUNT.finditer(text, start) if _is_account(match)]
    found += [(match.start(), match.start() + len(match[0].rstrip())) for match in _AFTER.finditer(text, start)]
    return apart(found)


@cache
def _country(code: str) -> tuple[int, re.Pattern[str]] | None:
    """The length and the form of a country's IBANs; `None` where the country has none."""
    structure = numdb.get("iban").info(code)[0][1].get("bban")
    if not structure:
        return None
    classes = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
    blocks = _BLOCK.findall(structure)
    form = "".join(f"{classes[kind]}{{{count}}}" for count, kind in blocks)
    return 4 + sum(int(count) for count, _ in blocks), re.compile(r"[A-Z]{2}\d\d" + form)


def _end_of_iban(text: str, found: re.Match[str]) -> int | None:
    country = _country(found[0][:2].upper())
    if country is None:
        return None
    length, form = country
    start, end = found.span()
    compact = re.sub(r"[\s.-]", "", found[0]).upper()
    ends = [(compact, end)]
    while len(compact) < _LONGEST_IBAN and (following := _NEXT_OF_IBAN.match(text, end)):
        compact, end = compact + following[1].upper(), following.end()
        ends.append((compact, end))
    for compact, end in ends:
        if len(compact) == length:
            alone = not text[end : end + 1].isalnum()
            if alone and iban.is_valid(compact, check_country=False):
                return end
            tidy = found[0][:2].isupper() or found[0][2].isdigit()
            if alone and tidy and form.fullmatch(compact) and cue_before(text, start) != "code":
                return end
    if _NAMED_IBAN.search(text[max(0, start - 20) : start]):
        # Digits too many or too few, but its writer calls it one: up to where a word begins.
        digits = [end for compact, end in ends if compact[-1].isdigit() and not text[end : end + 1].isalnum()]
        near = [end for end in digits if end - start <= length * 5 // 4 + 3]
        return max(near, default=None) if len(ends) > 10 else None
    return None


def _is_hidden_card(text: str) -> bool:
    signs = [sign for sign in text if sign not in " -"]
    hidden = [sign for sign in signs if not sign.isdigit()]
    return 13 <= len(signs) <= 19 and 4 <= len(hidden) <= 15 and len(set(hidden)) == 1


def _cards_in(text: str, run: re.Match[str]) -> Iterator[Place]:
    groups = list(_GROUPS.finditer(run[0]))
    first = 0
    while first < len(groups):
        digits = ""
        for last in range(first, min(first + 6, len(groups))):
            digits += groups[last][0]
            start, end = run.start() + groups[first].start(), run.start() + groups[last].end()
            if 13 <= len(digits) <= 19 and _is_card(
                digits, [len(group[0]) for group in groups[first : last + 1]], text, start
            ):
                yield start, end
                first = last
                break
        first += 1


def _is_card(digits: str, form: list[int], text: str, start: int) -> bool:
    if len(form) > 1 and min(form[:-1]) < 3:
        return False
    usual = form == [4, 4, 4, 4] or (form == [4, 6, 5] and digits[0] == "3")
    right = usual or _is_right(digits)
    if not right and (len(form) > 5 or text[max(0, start - 2) : start].strip()[-1:].isdigit()):
        return False
    return _is_meant(right, text, start)


def _is_parted_card(text: str, run: re.Match[str]) -> bool:
    return _is_meant(_is_right("".join(_GROUPS.findall(run[0]))), text, run.start())


def _is_right(digits: str) -> bool:
    return digits.startswith(_BRAND_STARTS.get(len(digits), ())) and luhn.is_valid(digits)


def _is_meant(right: bool, text: str, start: int) -> bool:
    """Whether the words before let a number be a card that is right by itself, or not."""
    cue = cue_before(text, start)
    if cue == "code":
        return right and _is_labelled_card(text, start)
    return right or cue == "card"


def _is_labelled_card(text: str, start: int) -> bool:
    """`Card code 4111...` is still a card."""
    return bool(re.search(r"\b(?<!gift )card\b.{0,12}$", text[max(0, start - 24) : start], re.IGNORECASE))


def _is_account(found: re.Match[str]) -> bool:
    value = found["value"]
    digits = sum(map(str.isdigit, value))
    named = bool(found["strong"] or found["number"] or found["ahead"])
    if digits < 4 or len(value) > 40 or (_PRICE.fullmatch(value) and not found["strong"]):
        return False
    if not named and (
        _YEAR.fullmatch(value) or re.match(rf"\s?(?:{_UNITS})(?!\w)", found.string[found.end() :], re.IGNORECASE)
    ):
        return False
    if found["account"]:
        return named or digits >= 5
    mixed = digits < len(value) and any(map(str.isupper, value))
    return named or digits >= (5 if mixed else 7)
