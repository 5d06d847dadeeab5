"""The command `triage`. Results on stdout, everything else on stderr; exit 0 done, 1 a gate failed, 2 bad input."""

import os
import sys
from typing import NoReturn

import typer

from api.commands import (
    bench,
    classify,
    compare,
    config,
    data,
    drift,
    evaluate,
    export,
    keys,
    models,
    retrain,
    serve,
    train,
    tune,
)
from api.commands.shared import stderr
from data.errors import TriageError

app = typer.Typer(
    name="triage",
    help="Label the posts that people write to a company by intent, urgency and owning department.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("retrain")(retrain.retrain)
app.command("export")(export.export)
app.command("evaluate")(evaluate.evaluate)
app.command("tune")(tune.tune)
app.command("compare")(compare.compare)
app.command("drift")(drift.drift)
app.command("classify")(classify.classify)
app.command("serve")(serve.serve)
app.command("bench")(bench.bench)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command("config")(config.config)


def main() -> None:
    """Run the command line; an error that a user can mend is one line on stderr, not a traceback."""
    try:
        app()
    except TriageError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at its end
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'system'}: {error.strerror or error}", TriageError.exit_code)


def _fail(message: str, exit_code: int) -> NoReturn:
    stderr.quiet = False  # an error may be that of one process among several that train together
    stderr.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
