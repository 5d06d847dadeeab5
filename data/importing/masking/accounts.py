"""Where a text holds the numbers of accounts, customers, policies and tax payers.

Finders as in links_and_emails.py.
"""

import re
from collections.abc import Iterator

from stdnum.es import dni, nie

from data.importing.masking.links_and_emails import Place, apart

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
