"""`triage data`: labelled history in, looked over, split."""

import typer

from api.commands.data.checking import check
from api.commands.data.correct import correct
from api.commands.data.importing import import_, mapping
from api.commands.data.splitting import split
from api.commands.data.taxonomy import taxonomy

app = typer.Typer(help="Import, check and split labelled posts.", no_args_is_help=True)
app.command("import")(import_)
app.command("mapping")(mapping)
app.command("taxonomy")(taxonomy)
app.command("check")(check)
app.command("split")(split)
app.command("correct")(correct)
