"""`triage config`."""

from rich.table import Table

from api.commands.shared import JsonOption, print_json, stdout
from api.settings import Settings, load_settings, origins
from data.feedback.tables import shown, url_of


def config(as_json: JsonOption = False) -> None:
    """What each setting is, and where its value comes from."""
    values = load_settings().model_dump(mode="json")
    if "://" in values["feedback"]:
        values["feedback"] = shown(url_of(values["feedback"]))
    sources = origins()
    if as_json:
        print_json({name: {"value": value, "from": sources[name]} for name, value in values.items()})
        return
    table = Table()
    for column in ("setting", "value", "from", "meaning"):
        table.add_column(column)
    for name, value in values.items():
        table.add_row(name, "" if value is None else str(value), sources[name], Settings.model_fields[name].description)
    stdout.print(table)
