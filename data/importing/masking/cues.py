"""The words beside a number that say what it is, in the languages that our posts are written in."""

import re
from typing import Literal

Cue = Literal["phone", "card", "code"]

_WINDOW = 40
"""Characters before a number in which a word still speaks of it."""

_PHONE = (
    r"phones?|telephone|telefone?|tel|t[ée]l|t[ée]l[ée]phoner?|tel[ée]fono|ph|mobile|mob|m[óo]vil|cell|cel|cellphone|"
    r"celular|cellulare|handy(?:nummer|nr)?|portable|landline|festnetz|fax|hotline|helpline|whatsapp|sms|text|txt|"
    r"call(?:ed|s|ing|back)?|ring|rang|dial(?:led|ed)?|reach|contact|contatt\w{1,5}|ruf\w{0,10}|rück\w{2,8}|"
    r"anruf\w{0,4}|angerufen|erreich\w{0,5}|durchwahl|mobil\w{0,8}|appel\w{0,4}|joindre|rappel\w{0,3}|"
    r"ll[aá]m\w{1,6}|chiam\w{1,6}|lig(?:ar|ue|uem)|(?:my|our|mine|his|her|mi|mon|meine|mein|mio|meu)\s(?:direct\s|new\s|"
    r"old\s)?(?:number|no|nr|nummer|n[úu]mero|num[ée]ro)"
)
_CARD = (
    r"cards?|credit|debit|visa|mastercard|master\s?card|maestro|amex|american\sexpress|kreditkarte\w{0,8}|karten?\w{0,6}|"
    r"ec-karte|carte|tarjeta|carta|cart[ãa]o|pan"
)
_CODE = (
    r"gift\s?cards?|orders?|ord|ref|refs|reference|references|invoice|inv|tracking|track|tracked|parcel|package|shipment|"
    r"awb|consignment|ticket|case|claim|serial|s/n|imei|iccid|meid|sku|model|isbn|ean|upc|barcode|booking|pnr|"
    r"confirmation|reservation|transaction|txn|payment\sid|voucher|coupon|promo|receipt|job|quote|request|incident|pin|"
    r"complaints?|sr|ups|dhl|fedex|usps|dpd|gls|hermes|meter|mtr|uid|tag|roll|connection|supplier|listing|docket|agreement|cost\scent(?:re|er)|employee|staff|student|"
    r"policy|acct|ids?|certificate|registration|plate|passport|"
    r"otp|codes?|error|build|version|item|article|product|part|batch|lot|vin|zip|postcode|\w{0,20}(?:bestell|rechnungs?|"
    r"sendungs?|auftrags?|vorgangs?|beleg|artikel|referenz|serien|fall|paket|buchungs?)(?:nummer|nr|code|id)?|"
    r"bestellung|sendung|commande|facture|suivi|colis|r[ée]f[ée]rence|dossier|r[ée]servation|pedido|factura|"
    r"seguimiento|env[íi]o|referencia|reserva|ordine|fattura|spedizione|pratica|prenotazione|riferimento|encomenda|"
    r"rastreio|protocolo|c[óo]digo|codice"
)
_CUE = re.compile(
    rf"(?<![\w])(?:(?P<phone>{_PHONE})|(?P<code>{_CODE})|(?P<card>{_CARD}))(?!\w)|(?P<sign>#)", re.IGNORECASE
)


def cue_before(text: str, start: int) -> Cue | None:
    """What the nearest word before `text[start]` says of the number there."""
    cue: Cue | None = None
    window = text[max(0, start - _WINDOW - 1) : start]
    for found in _CUE.finditer(window):
        cue = "phone" if found["phone"] else "card" if found["card"] else "code"
    return cue
