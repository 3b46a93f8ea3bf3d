"""Holds the manifests for Kubernetes to their schemas, to each other, and to the programs that they start.

Each document must be valid by the schema of its kind, without a field that the kind does not have. What
refers to something must find it: selectors, ports, volumes. Pods must be hardened, secrets closed to
others, and the time to end longer than what a stop takes. Then each container's files are laid out as a
kubelet would, with the modes that it gives to secrets, and the program checks its configuration among them
as the pod's user. At last the same checks must refuse manifests that are wrong. Called by `cargo xtask
test`, with the programs and a directory to work in.
"""

import copy
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tomllib

import kubernetes_validate
import yaml

# Not every cluster is new: the oldest that has what is used here (a native sleep before a stop), and the newest.
VERSIONS = ["1.32", "1.37"]
FOLDER = pathlib.Path(__file__).resolve().parent.parent
CONFIGS = FOLDER.parent
# What whoever deploys makes by hand; configs/kubernetes/README.md says how.
CERTIFICATE = ["tls.crt", "tls.key", "ca.crt"]
MADE_BY_HAND = {
    ("secret", "talon-admin"): ["token"],
    ("secret", "talon-keys"): ["session.key", "pepper.key", "proof.key", "hub-client.secret"],
    ("secret", "talon-public-tls"): CERTIFICATE,
    ("secret", "talon-gateway-tls"): CERTIFICATE,
    ("secret", "talon-ledger-tls"): CERTIFICATE,
    ("secret", "talon-redis"): ["password", "ca.crt"],
    ("configMap", "talon-authorities"): ["mvs.catalogue.toml", "mvs.policy.toml"],
}
CHECKS = {
    "gateway": ("talon", "gateway.toml"),
    "ledger": ("talon-ledger", "ledger.toml"),
}
# Seconds that a process has for its end besides what it was told to wait.
SPARE_SECONDS = 10


class Wrong(Exception):
    """Something in the manifests."""


def require(holds, what):
    if not holds:
        raise Wrong(what)


def load():
    documents = []
    for path in sorted(FOLDER.glob("*.yaml")):
        documents += [document for document in yaml.safe_load_all(path.read_text()) if document]
    return documents


def name_of(document):
    return f"{document['kind']} {document['metadata']['name']}"


def follow_schemas(documents):
    for document in documents:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                raise Wrong(f"{name_of(document)}: {where}: {error.message}") from error


def workloads(documents):
    return [one for one in documents if one["kind"] in ("Deployment", "StatefulSet")]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def selected(documents, labels):
    """The pods that all of these labels name."""
    templates = [one["spec"]["template"] for one in workloads(documents)]
    return [one for one in templates if labels.items() <= one["metadata"]["labels"].items()]


def port_names(pods):
    ports = [port for pod in pods for one in containers(pod["spec"]) for port in one.get("ports", [])]
    return {port["name"] for port in ports}


def find_what_they_name(documents):
    for document in documents:
        who, spec = name_of(document), document.get("spec", {})
        if document["kind"] in ("Deployment", "StatefulSet"):
            labels = spec["selector"]["matchLabels"]
            found = selected(documents, labels)
            require(found == [spec["template"]], f"{who}: its selector names {len(found)} pods")
        elif document["kind"] == "Service":
            pods = selected(documents, spec["selector"])
            require(len(pods) == 1, f"{who}: its selector names {len(pods)} pods")
            for port in spec["ports"]:
                require(port["targetPort"] in port_names(pods), f"{who}: no port {port['targetPort']}")
        elif document["kind"] == "PodDisruptionBudget":
            found = selected(documents, spec["selector"]["matchLabels"])
            require(len(found) == 1, f"{who}: its selector names {len(found)} pods")
        elif document["kind"] == "NetworkPolicy":
            follow_policy(documents, who, spec)
        require(
            document["kind"] == "Namespace" or document["metadata"]["namespace"] == "talon",
            f"{who}: is in no namespace",
        )


def follow_policy(documents, who, spec):
    pods = selected(documents, spec["podSelector"].get("matchLabels", {}))
    require(pods, f"{who}: names no pod")
    for rule in spec.get("ingress", []):
        for port in rule["ports"]:
            require(port["port"] in port_names(pods), f"{who}: no port {port['port']}")
    for rule in spec.get("egress", []):
        peers = [one for one in rule.get("to", []) if "namespaceSelector" not in one]
        for peer in peers:
            there = selected(documents, peer["podSelector"]["matchLabels"])
            for port in rule["ports"]:
                require(port["port"] in port_names(there), f"{who}: no port {port['port']} there")


def are_hardened(documents):
    for document in workloads(documents):
        pod = document["spec"]["template"]["spec"]
        who, context = name_of(document), pod["securityContext"]
        require(context.get("runAsNonRoot") is True, f"{who}: may run as root")
        require(context.get("runAsUser", 0) != 0, f"{who}: runs as root")
        require(context.get("fsGroup") == context.get("runAsGroup"), f"{who}: cannot read secrets")
        require(context["seccompProfile"]["type"] == "RuntimeDefault", f"{who}: any system call")
        require(pod.get("automountServiceAccountToken") is False, f"{who}: holds a token")
        for container in containers(pod):
            what, context = f"{who}: {container['name']}", container.get("securityContext", {})
            require(context.get("allowPrivilegeEscalation") is False, f"{what}: may gain rights")
            require(context.get("readOnlyRootFilesystem") is True, f"{what}: writes its image")
            require(context.get("capabilities") == {"drop": ["ALL"]}, f"{what}: has capabilities")
            require("memory" in container["resources"]["limits"], f"{what}: takes all memory")
            require(":latest" not in container["image"], f"{what}: its image may change")
        for volume in pod["volumes"]:
            if "secret" in volume:
                mode = volume["secret"].get("defaultMode", 0o644)
                require(mode & 0o337 == 0, f"{who}: {volume['name']}: mode {mode:o} is for others")


def settings_of(documents, file):
    config = next(one for one in documents if name_of(one) == "ConfigMap talon-config")
    require(file in config["data"], f"ConfigMap talon-config: no {file}")
    return config["data"][file]


def have_time_and_probes(documents):
    for document in workloads(documents):
        pod = document["spec"]["template"]["spec"]
        who, main = name_of(document), pod["containers"][0]
        _, file = CHECKS[main["name"]]
        settings = tomllib.loads(settings_of(documents, file))
        wait = main.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain = settings.get("server", {}).get("drain_seconds", 20)
        least = wait + drain + SPARE_SECONDS
        grace = pod.get("terminationGracePeriodSeconds", 30)
        require(grace >= least, f"{who}: {grace} s to end, and a stop takes up to {least}")
        port = int(settings["admin"]["listen"].rsplit(":", 1)[1])
        admin = {"name": "admin", "containerPort": port}
        require(admin in main["ports"], f"{who}: the admin listener is at port {port}")
        for probe, path in (("startup", "/livez"), ("liveness", "/livez"), ("readiness", "/readyz")):
            asked = main[f"{probe}Probe"]["httpGet"]
            require(asked == {"path": path, "port": "admin"}, f"{who}: the {probe} probe asks {asked}")


def certificate(folder):
    """A certificate for any name that signs itself, once."""
    if not (folder / "tls.key").exists():
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
        names = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:test"]
        files = ["-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
        subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
        shutil.copy(folder / "tls.crt", folder / "ca.crt")
    return folder


def content(kind, name, key, made):
    if kind == "configMap":
        authority, part, _ = key.split(".")
        return (CONFIGS / {"catalogue": "catalogues", "policy": "policies"}[part] / f"{authority}.toml").read_bytes()
    if key in CERTIFICATE:
        return (certificate(made) / key).read_bytes()
    return secrets.token_hex(32).encode()


def lay_out(documents, pod, main, root, made):
    """The files of a container, as a kubelet would have them."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    group = pod["securityContext"]["fsGroup"]
    is_root = os.geteuid() == 0
    for mount in main["volumeMounts"]:
        volume = volumes.get(mount["name"])
        place = root / mount["mountPath"].lstrip("/")
        if volume is None:
            place.mkdir(parents=True)
            continue
        kind = "secret" if "secret" in volume else "configMap"
        source = volume[kind].get("secretName") or volume[kind].get("name")
        if source == "talon-config":
            require("subPath" in mount, f"{mount['name']}: hides what else is mounted there")
            place.parent.mkdir(parents=True, exist_ok=True)
            text = settings_of(documents, mount["subPath"])
            # Absolute paths lead into the container.
            place.write_text(re.sub(r'"(/(?:etc|var|run)/)', rf'"{root}\1', text))
            continue
        require((kind, source) in MADE_BY_HAND, f"{kind} {source}: nobody makes it")
        place.mkdir(parents=True, exist_ok=True)
        for key in MADE_BY_HAND[kind, source]:
            (place / key).write_bytes(content(kind, source, key, made))
            if kind == "secret":
                # Of root and the pod's group, which may read what the owner may.
                mode = volume[kind]["defaultMode"]
                if is_root:
                    os.chown(place / key, 0, group)
                    mode |= (mode & 0o400) >> 3
                (place / key).chmod(mode)


def start_with_these_files(documents, programs, folder):
    (made := folder / "made").mkdir(exist_ok=True)
    for document in workloads(documents):
        pod = document["spec"]["template"]["spec"]
        main = pod["containers"][0]
        program, file = CHECKS[main["name"]]
        root = folder / main["name"]
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        lay_out(documents, pod, main, root, made)
        context, user = pod["securityContext"], {}
        if os.geteuid() == 0:
            user = {"user": context["runAsUser"], "group": context["runAsGroup"], "extra_groups": []}
        command = [programs / program, "check-config", "--config", root / "etc/talon" / file]
        said = subprocess.run(command, capture_output=True, text=True, env={}, **user)
        require(said.returncode == 0, f"{name_of(document)}: {program}: {said.stderr.strip()}")


def check(documents, programs, folder):
    follow_schemas(documents)
    find_what_they_name(documents)
    are_hardened(documents)
    have_time_and_probes(documents)
    start_with_these_files(documents, programs, folder)


def spec_of(documents, name):
    return next(one for one in documents if name_of(one) == name)["spec"]


def wrong_ones(documents):
    """Manifests with one mistake each, and what has to be said of it."""

    def changed(change):
        copied = copy.deepcopy(documents)
        change(copied)
        return copied

    def pod(all_of_them, kind="Deployment talon-gateway"):
        return spec_of(all_of_them, kind)["template"]["spec"]

    def main(all_of_them):
        return pod(all_of_them)["containers"][0]

    def text(all_of_them, file, before, after):
        data = next(one for one in all_of_them if one["kind"] == "ConfigMap")["data"]
        assert before in data[file], before
        data[file] = data[file].replace(before, after)

    gateway = "Deployment talon-gateway"
    return [
        (changed(lambda d: spec_of(d, gateway).update(replcas=2)), "replcas"),
        (changed(lambda d: spec_of(d, gateway).update(replicas="two")), "replicas"),
        (changed(lambda d: pod(d).pop("containers")), "containers"),
        (changed(lambda d: main(d)["ports"][0].update(containerPort="8443")), "containerPort"),
        (changed(lambda d: main(d)["ports"][0].update(name="http")), "Service talon: no port https"),
        (changed(lambda d: spec_of(d, "Service talon").update(selector={"app": "x"})), "names 0 pods"),
        (changed(lambda d: pod(d)["securityContext"].update(runAsUser=0)), "runs as root"),
        (changed(lambda d: main(d)["securityContext"].pop("capabilities")), "has capabilities"),
        (changed(lambda d: pod(d)["volumes"][2]["secret"].update(defaultMode=0o444)), "is for others"),
        (changed(lambda d: pod(d).update(terminationGracePeriodSeconds=30)), "30 s to end"),
        (changed(lambda d: main(d)["readinessProbe"]["httpGet"].update(path="/metrics")), "readiness"),
        (changed(lambda d: text(d, "gateway.toml", "drain_seconds", "drain_second")), "drain_second"),
        (changed(lambda d: text(d, "gateway.toml", "token_file", "# ")), "admin.token_file be set"),
        (changed(lambda d: text(d, "ledger.toml", "client_ca", "client_ce")), "client_ca"),
        (changed(lambda d: text(d, "ledger.toml", "admin/token", "admin/tokem")), "tokem"),
    ]


def main():
    programs, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    # The pod's user has to reach both.
    folder.chmod(0o755)
    for program, _ in CHECKS.values():
        shutil.copy(programs / program, folder)
    documents = load()
    check(documents, folder, folder)
    for documents, says in wrong_ones(documents):
        try:
            check(documents, folder, folder)
        except Wrong as wrong:
            require(says in str(wrong), f"said of a manifest without {says}: {wrong}")
        else:
            raise Wrong(f"a manifest passes that is wrong in {says}")
    print(f"kubernetes: {len(load())} documents are good, {len(wrong_ones(load()))} wrong ones are refused")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"kubernetes: {wrong}")
