"""What the model is, what it is for, and what it must not be trusted with."""

from collections.abc import Iterator

from model.bundle import About
from training.card.facts import Facts
from training.card.front_matter import languages
from training.card.markdown import bullets, cell, code, section, table

_FEW = 20
"""Posts that teach a label, below which it is named as one that the model hardly knows."""

_MOST_NAMED = 12


def details(facts: Facts) -> str:
    """Each head with what it asks, and the form of the model."""
    about, policy = facts.about, facts.policy
    heads = table(
        ["head", "kind", "labels", "can be none of them", "accepted from"],
        (
            [
                code(head.name),
                head.kind,
                len(head.labels),
                "yes" if head.optional else "",
                _thresholds(facts, head.name),
            ]
            for head in facts.taxonomy
        ),
    )
    lines = [
        f"Encoder: {_encoder(facts)}, {_tuned_layers(facts)}; mean pooling over the tokens; one linear layer a head.",
        f"Served as one ONNX graph in {code(about.precision)}; {_length(about)}.",
        f"Taxonomy {code(facts.taxonomy.name)} (sha256 {facts.taxonomy.sha256[:12]}), policy {policy.version}.",
        f"{code(policy.owner)} names who owns a post." if policy.owner else "",
        f"A post accepted as {_unowned(facts)} is nobody's and is ignored." if any(policy.unowned.values()) else "",
        "Licence: Apache-2.0, as the code, the encoder and the starter corpus have it."
        if facts.is_starter and facts.hub_encoder
        else "Licence: none is recorded. It depends on the encoder's and on the rights in the posts that taught it.",
    ]
    return section("## Model details", bullets(lines), heads)


def uses(facts: Facts) -> str:
    """Intended and out of scope."""
    heads = ", ".join(code(head.name) for head in facts.taxonomy)
    intended = (
        f"To sort what people write to a company by {heads}, post by post. Each answer has a probability; from its "
        "threshold on it may be acted upon without a person, below it a person looks first. Meant for posts like those "
        "that taught it: the same company or trade, the same channels, the same languages."
    )
    not_meant = bullets(
        [
            "Decisions about the person who wrote: credit, employment, discipline, access to a service.",
            "Being the only way on which an emergency, a threat or a deadline in law is noticed.",
            "Posts of other kinds than those that taught it (other languages, other trades, whole documents, texts by "
            "the company itself). It gives each of them one of its labels all the same.",
            "Telling who wrote a post, or anything of them: only the text is read, and numbers, addresses and links "
            "are masked before.",
        ]
    )
    return section("## Uses", section("### Intended use", intended), section("### Out-of-scope use", not_meant))


def limits(facts: Facts) -> str:
    """What is known to go wrong, and what is not known."""
    return section("## Bias, risks and limitations", bullets(_limits(facts)))


def _limits(facts: Facts) -> Iterator[str]:
    about = facts.about
    calibration = facts.provenance.get("exported_with", facts.data).get("posts", {}).get("calibration")
    part = f"the {calibration} posts of the calibration part" if calibration else "the calibration part"
    yield _languages(facts)
    if facts.from_starter:
        whole = (
            "It learned from the starter corpus alone" if facts.is_starter else "It learned from the starter corpus too"
        )
        yield (
            f"{whole}: English posts that were **written, not collected**, by far fewer hands than names. "
            "They are clearer than real posts: on these the model scores lower and is too sure of itself, and the "
            "shares of labels there say nothing of real traffic. A few hundred posts of your own mend more than any "
            "setting."
        )
    yield (
        f"Its confidences are calibrated on {part}. They hold for posts like these and for no others: "
        "`triage drift` tells whether recent posts still are."
    )
    if facts.policy.novelty is None:
        yield "A post outside its labels gets one of them all the same, if mostly with less confidence."
    else:
        yield "A post unlike those that taught it goes to a person (`out_of_scope`); some such posts pass unnoticed."
    yield (
        f"Of a post of more than {about.max_tokens * about.max_windows} tokens a part is not read; an answer "
        "says so (`truncated`). Pictures, attachments and earlier posts of a thread are not seen."
    )
    yield (
        "Links, e-mail addresses and numbers of six digits and more are masked, emoji become words: what differs only "
        "in these is the same post to it."
    )
    yield from (_rare(facts, head.name) for head in facts.taxonomy)
    yield (
        "The gold labels are what people wrote there, with their habits and mistakes: a label that is given unevenly "
        "to like posts is learned unevenly. Figures by group of writers are not made, as the posts do not name any."
    )
    yield (
        "No text is stored, but hashes of the rows are (`training_rows.txt`): who has a text can tell whether it "
        "taught the model, and the weights themselves may give a part of it away. Treat them as the posts themselves."
    )


def _length(about: About) -> str:
    if about.max_windows == 1:
        return f"a post is read up to {about.max_tokens} tokens"
    return (
        f"a post of more than {about.max_tokens} tokens is read in up to {about.max_windows} windows of that "
        "length, whose logits are pooled"
    )


def _languages(facts: Facts) -> str:
    if facts.is_starter:
        return "English only, in several Englishes."
    found = languages(facts)
    counts = facts.data.get("languages", {})
    total = sum(facts.data.get("posts", {}).values())
    encoder = (
        " The default encoder was pretrained on English."
        if facts.hub_encoder and "all-MiniLM" in facts.hub_encoder
        else ""
    )
    if not found:
        return f"Which languages the posts are in was not recorded, and not checked.{encoder}"
    named = ", ".join(f"{code(language)} {count}" for language, count in counts.items())
    return f"Languages as the files name them, not checked: {named}, of {total} posts.{encoder}"


def _rare(facts: Facts, head: str) -> str:
    counts = facts.labelled("train", head)
    rare = [label for label, count in sorted((counts or {}).items(), key=lambda pair: pair[1]) if count < _FEW]
    if not counts or not rare:
        return ""
    named = ", ".join(f"{code(label)} ({counts[label]})" for label in rare[:_MOST_NAMED])
    more = f" and {len(rare) - _MOST_NAMED} more" if len(rare) > _MOST_NAMED else ""
    return f"{code(head)}: fewer than {_FEW} posts taught {named}{more}; expect little of these."


def _encoder(facts: Facts) -> str:
    if facts.hub_encoder:
        return f"[{cell(facts.hub_encoder)}](https://huggingface.co/{facts.hub_encoder})"
    return (
        "not recorded"
        if facts.encoder is None
        else f"{code(facts.encoder.rstrip('/').rpartition('/')[2])}, from a folder"
    )


def _tuned_layers(facts: Facts) -> str:
    recipe = facts.provenance.get("recipe", {})
    learns = recipe.get("epochs", 1) or recipe.get("contrastive_epochs")
    return "all layers fine-tuned" if learns else "its layers as they were"


def _unowned(facts: Facts) -> str:
    return " or ".join(code(label) for labels in facts.policy.unowned.values() for label in labels)


def _thresholds(facts: Facts, head: str) -> str:
    policy = facts.policy.heads[head]
    others = [threshold for threshold in policy.thresholds if threshold != policy.threshold]
    if not others:
        return f"{policy.threshold:.3f}"
    low, high = min(others), max(others)
    return f"{policy.threshold:.3f}; {len(others)} labels {low:.3f}" + (f" to {high:.3f}" if high > low else "")
