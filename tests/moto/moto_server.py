"""An AWS emulator for the Terraform modules: moto's server with what Terraform's AWS provider misses in it.

Takes moto_server's own arguments:

    python3 moto_server.py -H 127.0.0.1 -p 5600

Everything it holds is in memory and ends with it. Each repair below says what happens without it, seen with
moto 5.2.1 and terraform-provider-aws 5.100. A repair that a later moto no longer needs should be taken out.
"""

import os
import secrets
import string
import sys
import uuid
from importlib.metadata import version

REPAIRED_VERSION = "5.2.1"

# Without AWS's own policies in the emulated account, attaching AmazonSSMManagedInstanceCore to the instances' role
# is refused. Moto reads the setting when it is imported, so it is made before.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.autoscaling.models import FakeScalingPolicy  # noqa: E402
from moto.autoscaling.responses import AutoScalingResponse  # noqa: E402
from moto.core.responses import ActionResult  # noqa: E402
from moto.ec2.models.launch_templates import LaunchTemplate  # noqa: E402
from moto.ec2.utils import parse_user_data  # noqa: E402
from moto.rds.models import DBInstance, DBParameterGroup  # noqa: E402
from moto.server import main  # noqa: E402


def keep_template_tags_out_of_template_data() -> None:
    """Tags of a launch template itself stay out of what it gives to instances.

    Moto copies them there; the second plan then shows the template and its group as changed.
    """
    original = LaunchTemplate.__init__

    def init(self, backend, name, template_data, version_description, tag_spec, *args, **kwargs):
        specifications = template_data.pop("TagSpecifications", None) or []
        kept = [one for one in specifications if one.get("ResourceType") != "launch-template"]
        if kept:
            template_data["TagSpecifications"] = kept
        original(self, backend, name, template_data, version_description, tag_spec, *args, **kwargs)

    LaunchTemplate.__init__ = init


def parse_user_data_of_later_versions() -> None:
    """User data of a later version of a launch template is parsed as that of the first is.

    Moto keeps it as plain text; an Auto Scaling group that grows after the change then fails with status 500.
    """
    original = LaunchTemplate.create_version

    def create_version(self, data, description):
        # Moto's parsed user data is a subclass of str, so the exact type tells which it is.
        if type(data.get("UserData")) is str:
            data["UserData"] = parse_user_data(data["UserData"])
        return original(self, data, description)

    LaunchTemplate.create_version = create_version


def new_resource_id() -> str:
    return "db-" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(26))


def give_databases_resource_ids_of_their_own() -> None:
    """Every database instance has its own DbiResourceId.

    In moto all have the same; the provider looks instances up by it, so two databases in one account and region
    break each other ("couldn't find resource").
    """
    original = DBInstance.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.dbi_resource_id = new_resource_id()

    DBInstance.__init__ = init


def tell_replicas_from_their_primaries() -> None:
    """A read replica has its own DbiResourceId, and stands alone and without backups until it is told otherwise.

    Moto copies the primary and ignores values that are false or 0, so the replica could not be found, and each plan
    would take its standby and its backups away.
    """
    original = DBInstance.set_as_replica

    def set_as_replica(self):
        original(self)
        self.dbi_resource_id = new_resource_id()
        self.multi_az = False
        self.backup_retention_period = 0

    DBInstance.set_as_replica = set_as_replica


def mark_parameters_as_set_by_a_user() -> None:
    """Parameters of a parameter group come back with Source=user.

    The provider drops all others, so each plan would set them again.
    """
    original = DBParameterGroup.update_parameters

    def update_parameters(self, parameters):
        return original(self, [{**one, "Source": "user", "IsModifiable": True} for one in parameters])

    DBParameterGroup.update_parameters = update_parameters


def accept_instance_refreshes() -> None:
    """StartInstanceRefresh answers with an id, and replaces nothing.

    Moto does not have it; the provider calls it when a launch template changes, and would retry for minutes.
    """

    def start_instance_refresh(self):
        return ActionResult({"InstanceRefreshId": str(uuid.uuid4())})

    AutoScalingResponse.start_instance_refresh = start_instance_refresh


def complete_scaling_policies() -> None:
    """Scaling policies come back enabled and without an empty predictive configuration.

    Moto leaves the first out and the second in, so each plan would change the policy.
    """
    original = FakeScalingPolicy.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.enabled = True
        self.predictive_scaling_configuration = self.predictive_scaling_configuration or None

    FakeScalingPolicy.__init__ = init


REPAIRS = [
    keep_template_tags_out_of_template_data,
    parse_user_data_of_later_versions,
    give_databases_resource_ids_of_their_own,
    tell_replicas_from_their_primaries,
    mark_parameters_as_set_by_a_user,
    accept_instance_refreshes,
    complete_scaling_policies,
]

if __name__ == "__main__":
    installed = version("moto")
    if installed != REPAIRED_VERSION:
        sys.exit(f"moto_server.py repairs moto {REPAIRED_VERSION}, and moto {installed} is installed; see requirements.txt.")
    for repair in REPAIRS:
        repair()
    main(sys.argv[1:])
