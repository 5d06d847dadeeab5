"""Where a text holds the address of a house: a street with a number, or a post-office box.

A street without a number ("Wall Street") is no address. English, German, French, Spanish, Portuguese and Italian.
Finders as in links_and_emails.py.
"""

import re
from collections.abc import Iterator

from data.importing.masking.links_and_emails import Place, apart

_HOUSE_START = re.compile(r"(?<![\w.,$€£/#-])(?<!\d\s)\d(?=[\w,/–-]{0,12}\s)")
_UPPER = "A-ZÀ-ÖØ-Þ"
_DIGITS = re.compile(r"\d+")
_REACH = 80
_NAME = rf"[{_UPPER}][\w'’-]{{1,30}}\.?"
_HOUSE = r"\d{1,5}[A-Za-z]?(?:\s?[-–/]\s?\d{1,4}[A-Za-z]?)?"
# A house number ends: no unit, time, share or decimal follows.
_HOUSE_END = (
    r"(?![\w%€$£]|[.,:]\d|\s?(?:uhr|euros?|eur|km|min\w{0,6}|stunden|tage?|mal|times|x|hours?|days?|%|€)(?!\w))"
)
_LAST_HOUSE = rf"\d{{1,4}}(?:[a-zA-Z](?!\w)|\s[a-zA-Z](?!\w|\s\w)|\s?[-/]\s?\d{{1,4}}[a-z]?)?{_HOUSE_END}"

# ------------------------------------------------------------------------------------------------ English
_SURE_STREET = "Street|Road|Avenue|Boulevard|Lane|Crescent|Terrace|Highway|Parkway|Mews"
_SHORT_STREET = "St|Rd|Ave|Av|Blvd|Ln|Cres|Hwy|Pkwy|Ct|Dr|Pl|Sq|Ter|Cir"
_MAYBE_STREET = (
    "Drive|Court|Close|Place|Square|Way|Gardens|Grove|Row|Circle|Walk|Parade|Broadway|Trail|Loop|Quay|Wharf|Green|Rise|"
    "Hill|Yard|Cottages|Villas|Vale|View"
)
_UNIT = r"(?:,?\s{1,2}(?:apt|apartment|unit|suite|ste|flat|floor|fl|room|rm|#)\.?\s?#?\w{1,5}(?!\w))?"
_SIDE = r"(?:[NSEW]{1,2}\.?|North|South|East|West)"
_ENGLISH = re.compile(
    rf"(?P<house>{_HOUSE}),?\s{{1,2}}(?:{_SIDE}\s)?"
    rf"(?P<names>(?:(?:{_NAME}|\d{{1,3}}(?:st|nd|rd|th)|of|the|de|la|le)\s{{1,2}}){{1,4}}?)"
    rf"(?P<kind>{_SURE_STREET}|{_MAYBE_STREET}|(?:{_SHORT_STREET})(?:\.|(?!\w)))(?![\w'’])(?:\s{_SIDE}(?!\w))?(?i:{_UNIT})"
)
_BROADWAY = re.compile(r"\d{1,5}\s(?:Broadway|The\sMall|Park\sLane|Piccadilly)(?!\w)")
# Without capitals only where a word before says that an address comes.
_LOWER_ENGLISH = re.compile(
    rf"{_HOUSE},?\s{{1,2}}(?P<names>(?:[a-z]{{1,20}}\s{{1,2}}){{1,3}}?)"
    rf"(?:street|road|avenue|lane|st|rd|ave|blvd|boulevard|drive|crescent|terrace|close|court)(?!\w)\.?{_UNIT}",
    re.IGNORECASE,
)
_BEFORE_HOUSE = re.compile(r"\b(?:flat|apt\.?|apartment|unit|suite)\s\w{1,4},?\s$", re.IGNORECASE)
_ADDRESS_COMES = re.compile(
    r"(?<![\[\w])(?:address|live|lives|living|reside|at|to|from|moved|deliver|delivered|delivery|shipped|ship|sent|home|"
    r"house|is|:)\W{1,3}$",
    re.IGNORECASE,
)
_NO_NAMES = re.compile(
    r"hours?|minutes?|days?|weeks?|months?|years?|miles?|km|met(?:re|er)s|yards|blocks?|people|cars?|different|other|more|"
    r"less|same|th(?:is|at|ese|ose)|my|your|our|his|her|their|an?|any|each|every|times?|[ap]m|down|up|o[nf]f?|in|into|out|"
    r"hard|flash|usb|google|thumb|test|wheel|star|high|supreme|district|crown|federal|county|food|tennis|one|half|long|"
    r"right|wrong|under|across|along|pro|max|plus|bedroom|items|shops|stores|orders|broken|toll|busy|side"
)
_MONTHS = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|windows|iphone|galaxy|pixel|version|ios|android|since|in|until)"
    r"\w{0,7}\.?\s$",
    re.IGNORECASE,
)
_POSTCODE = (
    r"(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|(?:[A-Z]{2}\s)?\d{5}(?:-\d{4})?|[A-Z]\d[A-Z]\s?\d[A-Z]\d|"
    r"[A-Z]{2,3}\s\d{4})(?![\w-])"
)
_TOWN = rf"(?:[{_UPPER}][\w'’.-]{{1,25}}(?![\w'’.-])\s?){{1,3}}"
_TAIL = re.compile(rf",?\s{{1,2}}(?:(?:{_TOWN},?\s?){{0,2}}{_POSTCODE}|D-\d{{5}})(?:\s{_TOWN}(?=[\s,.;!?)]|$))?")

# ------------------------------------------------------------------------------------------------- German
_SURE_STRASSE = r"straße|strasse|str\.|str|gasse|allee|chaussee|stieg|damm|ufer|straat|laan|gracht"
_GERMAN = re.compile(
    rf"(?<!\w)(?:(?P<word>[\w-]{{2,30}}?)(?P<sure>{_SURE_STRASSE})|(?P<capital>(?-i:[{_UPPER}])[\w-]{{1,30}}?)(?P<maybe>weg|platz|pfad|plein|kade)"
    rf"|(?-i:(?:{_NAME}[\s-]){{1,2}}(?:Straße|Strasse|Str\.|Allee|Weg|Platz|Gasse|Ring|Damm|Ufer|Chaussee))"
    rf"|(?-i:(?:Am|An\sder|An\sden|Im|In\sder|In\sden|Auf\sder|Auf\sdem|Unter\sden|Zum|Zur)\s[{_UPPER}][\wäöüß-]{{2,25}}"
    r"(?=\s\d{1,3}[a-z]?,\s\d{5}\s)|Unter\sden\sLinden))"
    rf"\s{{0,2}}(?:Nr\.?\s?)?(?P<house>{_LAST_HOUSE})",
    re.IGNORECASE,
)
_GERMAN_ENDINGS = re.compile(
    r"(?:straße|strasse|str\.?|gasse|allee|chaussee|stieg|damm|ufer|straat|laan|gracht|weg|platz|pfad|plein|kade|ring)\s*$"
)
_HINT_OF_PLACE = re.compile(r"\b(?:am|an de[rn]|im|in de[rn]|auf de[rm]|unter den|zum|zur) [\wäöüß-]{3,26}$")
_NO_WEGE = re.compile(
    r"(?:sitz|park|stell|arbeits|steh|schlaf|lager|speicher|fenster|studien|camping|ausbildungs|um|um|halb|rück|heim|hin|"
    r"aus|daten|rechts|dienst|steck|listen|tabellen|welt|einzel|tisch|liege|fast|reg|adm|demon|mini)$",
    re.IGNORECASE,
)

# ---------------------------------------------------------------------- French, Spanish, Portuguese, Italian
_OF = (
    r"(?:de\sla|de\slos|de\slas|de\sl['’]|de|du|des|del|della|dello|dei|degli|delle|do|da|"
    r"dos|das|la|le|les|los|las|el|y|e|et|san|saint|sainte|d['’]|l['’])"
)
_ROMANCE_NAME = rf"(?:(?:{_OF}\s?){{0,2}}(?:\d{{1,2}}\sde\s)?[{_UPPER}][\w'’.-]{{0,30}}(?![\w'’.-])\s?)"
_FRENCH = re.compile(
    rf"\d{{1,4}}(?:\s?(?:bis|ter|quater|[a-dA-D])(?!\w))?,?\s{{1,2}}"
    rf"(?:(?:(?i:rue|boulevard|bd\.?|bvd|impasse|allée|faubourg|ruelle|chemin|avenue|quai)\s{{1,2}}(?:(?:{_OF}\s?){{0,2}}[^\W\d_][\w'’.-]{{1,30}}))"
    rf"|(?:(?i:av\.|place|pl\.|route|cours|passage|square|villa|sentier|chaussée)\s{{1,2}}(?:(?:{_OF}\s?){{0,2}}[{_UPPER}][\w'’.-]{{1,30}})))"
    rf"(?:[ -]{_ROMANCE_NAME}){{0,3}}"
)
_SWISS_FRENCH = re.compile(
    rf"(?<!\w)(?i:rue|avenue|chemin|boulevard|route)\s(?:{_ROMANCE_NAME}){{1,4}},?\s?{_LAST_HOUSE}"
)
_NUMBER_LAST = re.compile(
    rf"(?<!\w)(?P<kind>(?i:calle|c/|avenida|avda\.?|av\.|plaza|pza\.?|paseo|camino|carretera|ronda|travesía|rambla|gran\svía|"
    rf"rua|travessa|praça|alameda|via|viale|v\.le|piazza|p\.zza|piazzale|corso|c\.so|largo|vicolo|strada|lungotevere|borgo))"
    rf"\s{{0,2}}(?P<name>(?<=[ií]a\s)(?=\d)|(?:{_ROMANCE_NAME}){{1,5}}?)(?:,\s?|\s)?(?i:n[º°.]|nº|n\.º|núm\.?|número|numero|nr\.?|n|#)?\s?"
    rf"(?P<house>{_LAST_HOUSE})(?:,?\s\d{{1,2}}[º°ª]\s?\w{{0,9}})?"
)
_HINT_OF_ROMANCE = re.compile(
    r"\b(?:c(?:alle|/|amino|arretera|orso|\.so|hemin)|av(?:enida|enue|da|\.)|p(?:la?za|za|aseo|iazz|\.zza|raça)|r(?:onda|ambla|ua|ue|oute)"
    r"|tra(?:ves|vessa)|gran v|alameda|v(?:ia|\.le|icolo)|largo|strada|lungot|borgo|boulevard)"
)
_ENGLISH_VIA = re.compile(
    r"(?:paypal|visa|master|amex|e-?mail|apple|google|whatsapp|dhl|ups|fedex|hermes|amazon|iphone|chat|app|sms|zoom|stripe|"
    r"klarna|twitter|facebook|instagram|messenger|telegram|phone|dpd|gls|usps|royal|live|web|online|airbnb|booking|uber|"
    r"bank|sepa|swift|wire|venmo|zelle|revolut|wise|gate|flight|terminal|bus|train|route)",
    re.IGNORECASE,
)
_ITALIAN = re.compile(r"\b(?:il|di|che|sono|abito|[Ii]ndirizzo|vivo|della|alla|[Aa]bitiamo|nostra|mia)\b")

# -------------------------------------------------------------------------------------------------- boxes
_BOX = re.compile(
    r"(?<!\w)(?:(?:P\.?\s?O\.?\s?Box|Post(?:al)?\sOffice\sBox|Locked\sBag|Postfach|Apartado(?:\sde\s[Cc]orreos)?|"
    r"Casella\s[Pp]ostale|Caixa\s[Pp]ostal|Bo[iî]te\s[Pp]ostale)\s?(?:n[º°.]|#|No\.)?\s?\d{1,6}(?:\s\d{2,3}){0,2}(?!\w)"
    r"|(?:B\.\s?P\.|BP)\s?\d{1,5}(?=,?\s\d{5}\s))",
    re.IGNORECASE,
)
_HINT_OF_BOX = re.compile(r"box|bag|postfach|aparta|postal|bp|b\.\s?p")


def streets(text: str) -> Iterator[Place]:
    """Streets with the number of a house, and post-office boxes; a postal code right behind goes with them."""
    found = [place for start in _HOUSE_START.finditer(text) if (place := _number_first(text, start.start()))]
    words = [text[max(0, digits.start() - _REACH) : digits.start()].lower() for digits in _DIGITS.finditer(text)]
    if any(map(_may_be_german, words)):
        found += [match.span() for match in _GERMAN.finditer(text) if _is_german(match)]
    if any(map(_HINT_OF_ROMANCE.search, words)):
        found += [match.span() for match in _NUMBER_LAST.finditer(text) if _is_romance(match)]
        found += [match.span() for match in _SWISS_FRENCH.finditer(text)]
    if any(map(_HINT_OF_BOX.search, words)):
        found += [match.span() for match in _BOX.finditer(text)]
    return apart([_with_postcode(text, place) for place in found])


def _number_first(text: str, start: int) -> Place | None:
    """The address that begins with the number of the house at `start`, and what stands before it ("Flat 3,")."""
    house = _at_house(text, start)
    before = _BEFORE_HOUSE.search(text, max(0, start - 16), start) if house else None
    return (before.start(), house[1]) if house and before else house


def _at_house(text: str, start: int) -> Place | None:
    for pattern in (_FRENCH, _BROADWAY):
        if found := pattern.match(text, start):
            return found.span()
    if (found := _ENGLISH.match(text, start)) and _is_english(found):
        return found.span()
    if (found := _LOWER_ENGLISH.match(text, start)) and _has_name(found["names"]):
        return found.span() if _ADDRESS_COMES.search(text[max(0, start - 14) : start]) else None
    return None


def _may_be_german(before: str) -> bool:
    """Whether the word before a number ends as German and Dutch streets do, or an article makes one of it."""
    before = before.rstrip().removesuffix("nr.").removesuffix("nr").rstrip()
    return _GERMAN_ENDINGS.search(before[-9:]) is not None or _HINT_OF_PLACE.search(before) is not None


def _is_english(found: re.Match[str]) -> bool:
    if not _has_name(found["names"]) or _MONTHS.search(found.string[max(0, found.start() - 12) : found.start()]):
        return False
    return not (found["names"].strip() == "One" and found["kind"] == "Way")


def _has_name(names: str) -> bool:
    words = names.lower().split()
    return bool(words) and words[0] not in {"of", "the", "and"} and not any(map(_NO_NAMES.fullmatch, words))


def _is_german(found: re.Match[str]) -> bool:
    if re.fullmatch(r"(?:19|20)\d\d", found["house"]):
        return False
    return not (found["maybe"] and _NO_WEGE.search(found["capital"]))


def _is_romance(found: re.Match[str]) -> bool:
    if not found["name"]:
        return found["kind"].lower().startswith("gran")
    if found["kind"].lower() != "via":
        return True
    if _ENGLISH_VIA.match(found["name"]):
        return False
    return found["kind"] == "Via" or _ITALIAN.search(found.string) is not None


def _with_postcode(text: str, place: Place) -> Place:
    start, end = place
    end = start + len(text[start:end].rstrip())
    tail = _TAIL.match(text, end)
    return start, tail.end() if tail else end
