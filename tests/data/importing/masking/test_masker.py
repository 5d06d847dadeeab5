"""Personal data in posts: what is found, what is left, and that masked posts read as `normalise` reads them.

In the lines below, `«kind:text»` is what must be found, and nothing else may be. All of it is made up: telephone
numbers that regulators keep for films, cards and IBANs that their issuers print as examples.
"""

import pickle
import re
import time
import timeit
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from data.errors import ConfigurationError
from data.importing.masking.masker import DEFAULT_KINDS, Kind, Masker, Span
from data.normalise import normalise

MASKER = Masker()

EMAILS = """
«email:jane@example.com»
<«email:jane.doe+tag@mail.example.co.uk»>
mailto:«email:jane@example.com»
«email:jane (at) example (dot) com»
«email:jane [at] example.com»
«email:jane.doe[at]example[dot]org» please
«email:jane at example dot com»
«email:o'brien@example.com»
«email:jane@ example.com»
«email:jane.doe @ example.com»
«email:jane@example,com»
Email:«email:JANE_DOE99@EXAMPLE.COM»!
«email:jane@example.com»,«email:joe@example.com»
«email:jane_doe-99@sub.example.co.uk»
«email:jane(at)example.com»
«email:jane[at]example[dot]com»
«email:jane AT example DOT com»
«email:jane at mail dot example dot com»
«email:müller@example.de»
«email:joe＠example.com», «email:joe.bloggs﹫example.co.uk»
from «email:"joe bloggs"@example.com», and “that”
«email:“joe.bloggs”@example.com»
he said "mail" to «email:"joe"@example.com»
«email:joe%40example.com»
mail=«email:joe%2Bshop%40mail.example.com»&id=3
"""

LINKS = """
see «link:https://example.com/a?b=c» now
«link:www.example.com/x»
«link:shop.example.com/track?id=7»
«link:bit.ly/abc»
go to «link:example.com».
(«link:example.org/help»),
«link:youtu.be/dQw4» here
«link:shop.example.it»
«link:http://example.com»
«link:https://www.example.co.uk/a-b_c?d=e#f»
at «link:example.co.uk»
«link:sub.example.com:8080/path»
«link:amzn.to/3xYz»
«link:wa.me/447700900123»
«link:ftp://files.example.com/a»
"""

IBANS = """
«iban:DE89 3704 0044 0532 0130 00»
«iban:DE89370400440532013000» thanks
iban «iban:de89 3704 0044 0532 0130 00» bitte
«iban:GB29 NWBK 6016 1331 9268 19»
«iban:GB29NWBK60161331926819».
«iban:FR14 2004 1010 0505 0001 3M02 606»
«iban:ES91 2100 0418 4502 0005 1332» gracias
«iban:IT60 X054 2811 1010 0000 0123 456»
«iban:DE88 3704 0044 0532 0130 00» typo
IBAN: «iban:DE89 3704 0044 0532 0130 0» short
«iban:NL91ABNA0417164300»
«iban:DE89-3704-0044-0532-0130-00»
«iban:GB82 WEST 1234 5698 7654 32»
«iban:gb82west12345698765432»
IBAN:«iban:CH93 0076 2011 6238 5295 7»
«iban:AT61 1904 3002 3457 3201»
«iban:BE68 5390 0754 7034»
«iban:BE68539007547034»
«iban:PL61 1090 1014 0000 0712 1981 2874»
«iban:SE45 5000 0000 0583 9825 7466»
«iban:NO93 8601 1117 947»
«iban:DK50 0040 0440 1162 43»
«iban:FI21 1234 5600 0007 85»
«iban:PT50 0002 0123 1234 5678 9015 4»
«iban:IE29 AIBK 9311 5212 3456 78»
«iban:LU28 0019 4006 4475 0000»
«iban:MT84 MALT 0110 0001 2345 MTLC AST0 01S»
«iban:SA03 8000 0000 6080 1016 7519»
«iban:TR33 0006 1005 1978 6457 8413 26»
«iban:BR18 0036 0305 0000 1000 9795 493C 1»
mein Konto «iban:DE89 3704 0044 0532 0130 00».
IBAN is «iban:DE 89 3704 0044 0532 0130 00»
(«iban:DE89 3704 0044 0532 0130 00»)
«iban:DE89 3704 0044 0532 0130 01» wrong
«iban:FR76 3000 6000 0112 3456 7890 189» BIC AGRIFRPP
«iban:DE89370400440532013000»/BIC COBADEFFXXX
«iban:FR7630006000011234567890189»
IBAN:«iban:GB29NWBK60161331926819»,
«iban:ES9121000418450200051332»
«iban:IT60X0542811101000000123456»
«iban:GR16 0110 1250 0000 0001 2300 695»
«iban:GB29 NWBK 6016 1331 9268 91» oops
«iban:es91 2100 0418 4502 0005 1332»
«iban:DE89 37040044 0532013000»
"""

CARDS = """
«card:4111 1111 1111 1111»
card «card:4111111111111111»
«card:4111-1111-1111-1111» exp 12/26
«card:3782 822463 10005» amex
«card:378282246310005»
«card:5500 0000 0000 0004»
card «card:4111 1111 1111 1112» typo
«card:4111 **** **** 1111»
«card:XXXX-XXXX-XXXX-1234»
«card:411111******1111»
my visa number is «card:4012888888881881» help
«card:6011 0009 9013 9424»
«card:30569309025904»
paid with card «card:4242424242424242» yesterday
«card:4242 4242 4242 4242», exp 04/27, cvv 123
card no. «card:5105105105105100»
my card number: «card:5105-1051-0510-5100»
«card:3714 496353 98431»
«card:371449635398431»
debit card «card:6759649826438453»
«card:4242  4242  4242  4242»
«card:4242.4242.4242.4242»
kreditkarte «card:4242424242424242»
Kartennummer «card:5555 5555 5555 4444»
card «card:**** **** **** 4242»
card «card:XXXXXXXXXXXX4242»
«card:4242-xxxx-xxxx-4242»
«card:424242xxxxxx4242»
«card:4242 42** **** 4242»
card «card:4242 4242 4242 4243»
«card:3530111333300000»
«card:6200 0000 0000 0005»
card «card:4111-1111-1111-1111»!
«card:4111 1111 1111 1111»/12/26
«card:2223003122003222»
card no «card:4111 1111 11111111»
«card:5555555555554444»
«card:5019 7170 1010 3742»
«card:4111 1111 1111 ****»
«card:4111/1111/1111/1111», «card:4111,1111,1111,1111»
«card:4111_1111_1111_1111»
card:«card:4111:1111:1111:1111»
«card:4111 / 1111 / 1111 / 1111»/12/26
«card:3782/822463/10005»
my card «card:4111/1111/1111/1112» typo
"""

PHONES = """
call me on «phone:07700 900123»!!
my number is «phone:5550101234» thanks
Tel. «phone:+49 (0)30 901820», abends
ring «phone:020 7946 0958» or «phone:(020) 7946 0958»
ph «phone:(555) 010-1234 ext. 12»
«phone:555.010.1234» is my cell
«phone:555-010-1234 ext. 12»
«phone:0170/1234567» oder «phone:0151 12345678»
whatsapp «phone:98765 43210»
«phone:98765 43210»
«phone:+91 98765 43210»
«phone:+91-9876543210»
«phone:9876543210» is my whatsapp number
appelez moi au «phone:06 12 34 56 78»
«phone:06.12.34.56.78»
«phone:0612345678» merci
mi móvil es «phone:612 345 678»
llámame al «phone:612345678»
«phone:+34 612 34 56 78»
cell. «phone:333 1234567»
chiamatemi al «phone:3331234567»
«phone:+39 06 1234 5678»
«phone:(11) 91234-5678»
«phone:+55 11 91234-5678»
«phone:0412 345 678»
«phone:(02) 9876 5432»
«phone:1-800-555-0199»
«phone:+1 (555) 010-1234»
«phone:+1-555-010-1234»
«phone:001 555 010 1234»
«phone:00491701234567»
«phone:0044 7700 900123»
«phone:555-0100» call
call «phone:07700900123», not «phone:07700900456»
«phone:555 010 1234»
«phone:+44(0)7700900123»
«phone:+447700900123»
«phone:+353 1 234 5678»
«phone:+48 512 345 678»
«phone:+86 138 0013 8000»
phone:«phone:5551234567»
tel:«phone:+15550101234»
Call «phone:1800 123 456» now
my mobile «phone:07700-900-123».
«phone:+7 (495) 123-45-67»
Rückruf unter «phone:089 / 1234567» bitte
Fax: «phone:040-123456-78»
«phone:(0221) 123 45 67»
I dialled «phone:0800 123 4567» at 10:30 on 05.01.2024
customer service number is «phone:0800 123 4567»
My contact number is «phone:5550101234».
Please ring «phone:01632 960123» after 6pm
our landline «phone:0113 496 0822»
you can text me at «phone:(415)555-0132»
cell:«phone:415.555.0132»
«phone:415-555-0132»/«phone:415-555-0133»
home «phone:555-0132»
mobile no: «phone:0044-7700-900-456»
«phone:+44 (0) 20 7946 0958»
«phone:+33 6 12 34 56 78»
«phone:+33612345678»
«phone:0033 6 12 34 56 78»
tél : «phone:01 23 45 67 89»
Handynummer «phone:01761234567»
Handy: «phone:0176-12345678»
Tel.: «phone:030/901820-0»
«phone:+49-89-1234567»
«phone:0049 89 123456»
erreichbar unter «phone:0221 12345-67»
teléfono «phone:91 123 45 67»
«phone:+34 912 345 678»
telefono «phone:02 1234 5678»
tel «phone:06 12345678»
«phone:+39 333 123 4567»
ligue para «phone:11 91234-5678»
«phone:(21) 3456-7890»
«phone:+55 (21) 98765-4321»
«phone:+61 412 345 678»
«phone:+61 2 9876 5432»
call «phone:022 2345 6789»
mob «phone:9123456780»
pls call back @ «phone:9123456780»
contact: «phone:+91 91234 56780»
«phone:+1 415 555 0132 x204»
«phone:(415) 555-0132, extension 12»
«phone:415 555 0132»
my number's «phone:07700 900 456»
number: «phone:07700 900456»
I'm on «phone:07700900456»
«phone:+65 6123 4567»
«phone:+971 50 123 4567»
«phone:+41 44 668 18 00»
«phone:+31 6 12345678»
«phone:+32 470 12 34 56»
«phone:+46 70 123 45 67»
fax «phone:+43 1 5123456»
Please reach out on «phone:617 555 0199» ASAP
(«phone:0207 946 0958»)
My phone «phone:07700900456»and my email «email:a@example.com»
call«phone:+447700900456»
phone number is «phone:+1-(415)-555-0132»
at «phone:1 (800) 555-0199»
phone: «phone:(07700) 900 456»
mob. «phone:07700 900-456»
«phone:07700 900456»/«phone:07700 900457»
T: «phone:020 7946 0123» F: «phone:020 7946 0124»
«phone:+44 7700 900 456» or «phone:07700900457».
ring me on «phone:7700900456»
«phone:0049 (0) 170 1234567»
«phone:+49.170.1234567»
«phone:(030) 1234567»
«phone:030-1234567»
«phone:030 12 34 56 78»
«phone:04 91 12 34 56»
«phone:+91 (22) 1234 5678»
«phone:98765-43210»
«phone:+55 11 3456 7890»
«phone:+1.415.555.0132»
«phone:1-415-555-0132»
«phone:1 415 555 0132»
«phone:415/555-0132»
I called «phone:8005550199» twice
phone «phone:555 0123»
"""

ACCOUNTS = """
my account number is «account:12345678»
account «account:12345678» sort code «account:12-34-56»
a/c «account:0012345678»
acc no. «account:87654321»
acct #«account:4567»
sort code «account:123456»
routing number «account:021000021»
Kontonummer «account:1234567890»
Konto-Nr. «account:532013000» BLZ «account:370 400 44»
Kundennummer: «account:4711-0815»
Kundennr. «account:998877»
numéro de compte «account:00012345678»
mon numéro client est le «account:45678»
n° client «account:45678»
cuenta «account:1234567890»
número de cuenta: «account:2100 0418 45 0200051332»
conto corrente n. «account:000000123456»
codice cliente «account:778899»
policy number «account:AB-123456»
policy «account:AB123456»
membership no «account:55667»
Member ID «account:MX-99812»
customer number «account:10023»
SSN «account:123-45-6789»
my social security number is «account:123 45 6789»
national insurance number «account:QQ 12 34 56 C»
Steuer-ID «account:12 345 678 901»
«account:20-00-00 12345678»
BSB «account:062-000» Acc «account:12345678»
«account:12345678» is my account number
CPF «account:123.456.789-09»
Versicherungsnummer «account:12 345678 A» 123
DNI «account:12345678Z»
account number: «account:00123456» and sort code «account:40-47-84»
sort code is «account:404784»
sort-code «account:40 47 84»
Account No. «account:1234-5678-90»
acct no «account:000123456789» routing «account:111000025»
my acct is «account:000123456789»
bank account «account:12345678»
Acct# «account:98765432»
account #«account:98765432»
Account number «account:1234 5678»
account number is: «account:12345678»
the account («account:12345678») is
My customer ID is «account:CUST-88213»
customer ID «account:88213»
Policy no: «account:POL/2023/00456»
policy number is «account:HX4471902»
policy # «account:998-221-33»
insurance policy «account:AB1234567»
member number «account:4471902»
membership number: «account:GYM-20931»
Loan account «account:00998877»
passport number «account:P1234567»
driver's license «account:D1234-5678-9012»
NI number «account:AB123456C»
«account:QQ 12 34 56 C»
NHS number «account:943 476 5919»
tax ID «account:12-3456789»
EIN «account:12-3456789»
UTR «account:1234567890»
Kontonummer: «account:0532013000», BLZ «account:37040044»
Kto.Nr. «account:532013000»
Kontonr «account:532013000»
meine Kundennummer lautet «account:K-123456»
Kunden-Nr.: «account:123456»
Vertragsnummer «account:V-2023-4567»
Mitgliedsnummer «account:12345»
Versicherungsnummer «account:12345678A»
Steuernummer «account:12/345/67890»
compte n° «account:12345678901»
numéro de client : «account:C123456»
numéro client «account:987654»
contrat n° «account:AB-998877»
numéro de contrat «account:998877»
numéro de sécurité sociale «account:1 85 05 78 006 084 36»
número de cliente «account:987654»
nº de cuenta «account:00491500051234567892»
póliza nº «account:9988776»
número de póliza «account:9988776»
mi cuenta es «account:0049150005»
DNI: «account:12345678Z»
numero cliente «account:987654»
numero di conto «account:000000123456»
conto n. «account:123456»
codice fiscale «account:RSSMRA85M01H501Z»
numero polizza «account:9988776»
conta «account:12345-6» agência «account:1234»
Aadhaar «account:1234 5678 9012»
a/c no «account:12345678»
acc: «account:12345678»
Account no.: «account:12345678»
my bank account is «account:12345678» with sort code «account:12-34-56»
sort code: «account:12 34 56», account: «account:12345678»
Sort Code «account:123456» / Account «account:12345678»
routing no. «account:021000021» acct «account:9876543210»
customer no. «account:C-10023»
Customer Number: «account:10023»
client no «account:55443»
policy no. «account:12345678»
member id «account:ABC123456»
membership «account:M1234567»
Konto: «account:1234567»
mein Konto «account:1234567»
Kontonr.: «account:1234567»
Kundennummer «account:12 345 678»
Depotnummer «account:1234567»
Versichertennummer «account:A123456789»
compte bancaire «account:12345678901»
mon compte «account:12345678901»
mon numéro de compte est «account:12345678901»
mi cuenta «account:1234567890»
mi número de cuenta es «account:1234567890»
cuenta bancaria «account:1234567890»
il mio conto «account:1234567890»
conto corrente «account:1234567890»
numero di conto corrente: «account:1234567890»
codice cliente: «account:ABC12345»
social security: «account:123-45-6789»
ssn «account:123456789»
SSN is «account:123 45 6789»
NI no. «account:AB 12 34 56 C»
TFN «account:123 456 782»
"""

STREETS = """
«street:12 Baker Street»
I live at «street:221b Baker St.» and
«street:350 Fifth Avenue Apt 4»
live at «street:12 baker street» ok
«street:Hauptstraße 12»
«street:Lindenweg 4a»
«street:14 rue de Rivoli»
«street:Calle Mayor 5»
«street:Via Roma 10»
«street:Hauptstr. 12, 10115 Berlin»
«street:Berliner Straße 5»
«street:1600 Pennsylvania Ave NW»
«street:123 Main St, Springfield, IL 62704»
«street:12 Baker Street, London NW1 6XE»
«street:3 bis avenue de la République, 75011 Paris»
«street:C/ Alcalá, 45, 3º B»
«street:Avenida de la Constitución 12»
«street:P.O. Box 1234»
«street:Postfach 12 34 56»
«street:Rua das Flores, 123»
«street:Viale della Libertà 22»
«street:10 Downing Street» is
«street:Flat 4, 18 Queens Road»
«street:Flat 2, 14 Elm Road»?
my adress is «street:45 Oak Avenue» pls
send to «street:7 St John's Road», thanks
«street:22 Acacia Ave.»
«street:1 Infinite Loop»
«street:742 Evergreen Terrace», Springfield
«street:100 N. Main Street»
«street:123 5th Avenue»
«street:Unter den Linden 77»
«street:Am Markt 3, 99084 Erfurt»
«street:Goethestr. 5»
«street:Goethestrasse 5a»
ich wohne in der «street:Schillerstraße 18», Köln
«street:Karl-Marx-Allee 33»
«street:Marktplatz 1»
«street:Kurfürstendamm 26a»
«street:25 boulevard Haussmann»
«street:8, rue du Faubourg Saint-Honoré»
«street:5 place de la Concorde»
«street:12 allée des Tilleuls»
«street:Gran Vía 28»
«street:Calle de Alcalá 45»
«street:Plaza Mayor 3»
«street:Avda. de América, 12»
«street:Paseo de la Castellana 100»
«street:Piazza Garibaldi 3»
«street:Corso Vittorio Emanuele II, 24»
abito in «street:via Garibaldi 12» a Milano
«street:Viale Europa 7»
«street:PO Box 4512»
«street:Apartado de Correos 123»
"""

NOTHING_OR_NUMBERS = """
order «number:123456» was late, call «phone:0161 496 0000»
order «number:123456789»
order no «number:12345678901»
tracking «number:1234567890»
ref AB«number:12345678»
on «number:2024-01-05» at 10:30
on 05.01.2024 10:30
on 05/01/2024 we paid $1,299.00 and 1.299,00 EUR
between «number:2019-2023»
IP 192.168.100.200 and version 10.15.7.1
invoice «number:2024001234»
parcel «number:1234 5678 9012»
amazon order «number:112-1234567-1234567»
1Z999AA«number:10123456784»
error 40412
case #«number:00123456»
card ending in 1234
tracking number «number:9400 1000 0000 0000 0000 00»
imei «number:490154203237518»
account balance is 2500 dollars
my account was charged 2500 times
my account since 2019
I have 2 accounts and 3 customers
customer 5 of 12
12 baker street at
paid via PayPal 20 euros
via email 24 hours
Wall Street is down
Main Street was closed
Episode 3 One Way
iPhone 12 Pro Max Drive
3 hour drive to the store
2 blocks down the street
45 minutes on the road
Parkplatz 3 was dirty
Zugfahrt Hauptstraße 12 Uhr
look at example dot com
user@localhost
report.pdf and e.g. that
the end.Then we
it.is not and done.so far
yes/no and/or 24/7
Node.js and ASP.NET
v1.2.3? no
@AcmeHelp hi
account ending 1234
client reference «account:88213»
my account has 2500 points
account charged 12345
I have been a customer for 2500 days
accounting 12345
I opened the account in 2019
account 2023
accountant
Order 66
order #«number:1234567»
ticket «number:98765432»
PIN 1234
tracking no. 1Z999AA«number:10123456784»
DHL «number:00340434161094042557»
ISBN «number:978-3-16-148410-0»
case ID «number:00001234»
Bestellnummer «number:302-1234567-1234567»
Rechnung Nr. «number:2023-004567»
Sendungsnummer «number:00340434161094»
the 15.03.2024 at 14:30
between 10:00-18:00
€1.299,00
1,234,567 views
USD «number:1299000»
10.0.0.138
version 4.18.12.7
serial «number:123456789012345»
booking ref «number:7654321»
bought on 2024/03/15
scored 3-2, 10-12 people
from 08:00 to 17:30
I saw 3 road signs and 2 street lamps
we waited 20 minutes on Oxford Street
24 Hour Way
the 5 Star Court
in 2019 Baker Street was closed
chapter 3 place of birth
the Way 2 go
via Amazon 3 days
Bahnsteig 3
Platz 1 im Ranking
call Street 1
Weg 3
my account, 1500 euros short
I have an account 24 months
account manager 12345
the policy of 2019
customer of 20000 days
client since 1999
member for 12345 days
5G at 3.5 GHz 2024
it was 12:30-13:45
1,000,000 and 1.000.000 people
5-10 business days
lat 51.5074, -0.1278
20.01.2024-22.01.2024
12/05/24 18:30
iOS 17.4.1 build 21E236
model SM-G«number:991112»
1920x1080
score 12 13 14
flight BA2490 on 12 March
file.txt, photo.jpg, setup.exe, data.csv, index.html, a.m. p.m. U.S.A. Ph.D.
ok.thanks no.problem
hello.World
email me at home
visa ending 4242
order «number:4111111111111112»
the years 2019/2020/2021/2022 and 1000,2000,3000,4000
order 4111/1111/1111/1111
4111,1111,1111,1111,1111 and 9999:4111:1111:1111:1111
4111/1111/1111/1112 and 4111/1111,1111/1111
50%40 off and 20%40.50
“great”@AcmeHelp hi
mail me ＠AcmeHelp
"""

MARK = re.compile(r"«(\w+):(.*?)»")
LINES = [
    line
    for kind in (EMAILS, LINKS, IBANS, CARDS, PHONES, ACCOUNTS, STREETS, NOTHING_OR_NUMBERS)
    for line in kind.strip().splitlines()
]

# Of which long numbers, links and addresses are made, so that random texts hit what the code looks for.
SIGNS = [
    *"12+()- \n\xa0\u200b\u200dé",
    *(
        "12",
        "123456",
        "0170",
        "4111",
        "  ",
        "a",
        "abc",
        "b@c.de",
        "www.",
        "https://",
        "e\u0301",
        "&amp;",
        "&#49;",
        "&lt;",
    ),
]
WORDS = [
    *".@/,#*X",
    *("account ", "order ", "call ", "IBAN ", "DE89", "12 Baker Street", "rue de ", "straße", "Via Roma ", "ext. 12"),
    *(" dot ", " at ", "(at)", "com"),
]
NUMBERS_ONLY = st.lists(st.sampled_from(SIGNS), max_size=25).map("".join)
ANYTHING = st.lists(st.sampled_from(SIGNS + WORDS) | st.characters(), max_size=25).map("".join)


@pytest.mark.parametrize("line", LINES, ids=ascii)
def test_what_people_write_is_found_and_nothing_beside_it(line: str) -> None:
    text, wanted = _unmarked(line)
    assert MASKER.find(text) == wanted


@pytest.mark.parametrize("line", LINES, ids=ascii)
def test_nothing_that_was_found_is_left(line: str) -> None:
    text, wanted = _unmarked(line)
    masked, counts = MASKER.mask(text)
    assert counts == Counter(span.kind for span in wanted)
    assert not any(text[span.start : span.end] in masked for span in wanted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail jane@example.com, or ring 07700 900123!", "mail [email] , or ring [number] !"),
        ("(https://example.com/jane)", "( [link]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [number]"),
        ("card 4111-1111-1111-1111 12 please", "card [number] please"),
        ("I live at 12 Baker Street.", "I live at [address] ."),
        ("sort code 12-34-56", "sort code [number]"),
        ("order 123456", "order [number]"),
        ("two  spaces\n\tand 020 7946 0958\nstay", "two  spaces\n\tand [number]\nstay"),
        ("@AcmeHelp is quiet", "@AcmeHelp is quiet"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_masks_stand_where_normalise_would_set_them(text: str, expected: str) -> None:
    assert MASKER.mask(text)[0] == expected


def test_handles_are_masked_only_when_asked_for() -> None:
    text = "@jane_doe and u/jane-doe wrote to jane@example.com"
    masked, counts = Masker({*DEFAULT_KINDS, Kind.HANDLE}).mask(text)
    assert masked == "[handle] and [handle] wrote to [email]"
    assert counts == {Kind.HANDLE: 2, Kind.EMAIL: 1}
    assert MASKER.mask(text)[0] == "@jane_doe and u/jane-doe wrote to [email]"


def test_only_the_kinds_that_are_asked_for_are_masked() -> None:
    text = "jane@example.com, 07700 900123, IBAN DE89 3704 0044 0532 0130 00, 12 Baker Street"
    for kind in (Kind.EMAIL, Kind.PHONE, Kind.IBAN, Kind.STREET):
        assert Masker({kind}).mask(text)[1] == {kind: 1}


def test_a_number_of_a_kind_that_is_not_asked_for_is_still_a_number() -> None:
    assert Masker({Kind.NUMBER}).find("card 4111 1111 1111 1111") == [Span(Kind.NUMBER, 5, 24)]


def test_the_regions_say_whose_telephone_numbers_are_known() -> None:
    polish = "22 460 44 00 albo"
    assert Masker(regions=["PL"]).find(polish)[0].kind is Kind.PHONE
    assert Masker(regions=["US"]).find(polish)[0].kind is Kind.NUMBER


def test_an_unknown_region_is_named() -> None:
    with pytest.raises(ConfigurationError, match="XX"):
        Masker(regions=["GB", "XX"])


def test_a_masker_goes_to_other_processes() -> None:
    text = "mail jane@example.com or call 07700 900123"
    assert pickle.loads(pickle.dumps(MASKER)).mask(text) == MASKER.mask(text)  # noqa: S301  # our own bytes


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("jo\u200bhn@exam\u00adple.com", "jo\u200bhn@exam\u00adple.com"),
        ("mail &#106;ohn&#64;example.com!", "&#106;ohn&#64;example.com"),
        ("jane&commat;example.com", "jane&commat;example.com"),
        ("0770\u200b0 900\u200b123", "0770\u200b0 900\u200b123"),
        ("jose\u0301@example.com", "jose\u0301@example.com"),
        ("call 020\u00a07946\u00a00958 now", "020\u00a07946\u00a00958"),
        ("&amp; 4111&nbsp;1111&nbsp;1111&nbsp;1111 &amp;", "4111&nbsp;1111&nbsp;1111&nbsp;1111"),
    ],
    ids=ascii,
)
def test_places_are_those_of_the_text_as_it_was_written(text: str, hidden: str) -> None:
    (span,) = MASKER.find(text)
    assert text[span.start : span.end] == hidden


@settings(deadline=None, max_examples=500)
@given(NUMBERS_ONLY)
@example("4111 1111 1111 1111 12/26")
@example("0170 1234567 12 345")
@example("123456 1234567 (12")
@example("++12123456")
@example("a@b.c de@f.gh12 https://1234567")
def test_the_network_reads_of_a_masked_post_what_it_reads_of_the_post(text: str) -> None:
    # What only this module knows: a phone with more signs between its digits than a number has for normalise().
    assume(not re.search(r"[()\s-]{3}", text))
    assert normalise(MASKER.mask(text)[0]) == normalise(text)


@settings(deadline=None, max_examples=500)
@given(ANYTHING)
@example("12\u200b34\u200b56")
@example("&#49;23456")
def test_nothing_that_normalise_would_mask_is_left(text: str) -> None:
    masked, _ = MASKER.mask(text)
    read = normalise(masked)
    for mask in ("[number]", "[email]", "[link]"):
        assert read.count(mask) == masked.count(mask)


@settings(deadline=None, max_examples=500)
@given(ANYTHING)
@example("123456Via Roma 1")
@example("account 123456, 4567")
def test_masking_what_is_masked_changes_nothing(text: str) -> None:
    masked, _ = MASKER.mask(text)
    assert MASKER.mask(masked) == (masked, Counter())


@settings(deadline=None, max_examples=300)
@given(ANYTHING)
def test_spans_are_in_order_and_apart(text: str) -> None:
    spans = MASKER.find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "1",
            "1 ",
            "12 ",
            "1-",
            "1/",
            "411 ",
            "4111 ",
            "DE89 ",
            "+1 ",
            "(",
            "*",
            "X",
            "a",
            "A",
            "1a",
            "a.",
            "@",
            "a@",
        ),
        *("1111/", "4111, ", "a%40", "%", '"a', '"@', "\uff20", "a\uff20a.", "a.\uff20"),
        *("a@b.c ", "a'b@", "www.", "http://", "ab.com ", "(at)", "a dot ", " at a dot ", "account ", "account 12 "),
        *("12 Baker ", "12 Baker Street ", "1 rue A ", "Via A ", "de la ", "straße", "Straße 1", "P.O. Box 1 "),
        *("&", "&amp;", "&#1;", "e\u0301", "\x00", " ", "call 5551234 ", "0170 1234567 ", "1 (((", "123456Via Roma 1"),
    ],
    ids=ascii,
)
def test_time_grows_with_the_length_of_a_hostile_text_and_no_faster(piece: str) -> None:
    short, long = (_seconds((piece * length)[:length]) for length in (1000, 10000))
    assert long < 25 * short  # 10 times in linear time, 100 times in quadratic time


@pytest.mark.parametrize("start", ["12 Baker Street, ", "Via ", "14 rue ", "calle ", "account 1234"])
@pytest.mark.parametrize("piece", ["A", "Aa ", "A-", "de ", "-1"])
def test_time_grows_no_faster_behind_the_beginning_of_an_address(start: str, piece: str) -> None:
    short, long = (_seconds(start + (piece * length)[:length] + " 1") for length in (1000, 10000))
    assert long < 25 * short


def _unmarked(line: str) -> tuple[str, list[Span]]:
    """The text of a line, and what must be found in it."""
    text, wanted, done = "", [], 0
    for mark in MARK.finditer(line):
        text += line[done : mark.start()]
        wanted.append(Span(Kind(mark[1]), len(text), len(text) + len(mark[2])))
        text, done = text + mark[2], mark.end()
    return text + line[done:], wanted


def _seconds(text: str) -> float:
    """Of this thread's processor time, so that other work on the machine does not count."""
    return min(timeit.repeat(lambda: MASKER.mask(text), timer=time.thread_time, number=1, repeat=3))
