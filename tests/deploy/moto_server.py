"""moto's server with a model of function URLs, which our stacks output, and with termination protection."""

from moto.core.common_models import CloudFormationModel

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult


def update_termination_protection(self):
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


CloudFormationResponse.update_termination_protection = update_termination_protection

# moto ignores the conditions of a bucket's policy, so a statement against plain HTTP would deny everything.
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL

# moto keeps the outputs that a stack had before its change set.
from moto.cloudformation.models import ChangeSet

apply_resources = ChangeSet.apply


def apply_with_outputs(self):
    apply_resources(self)
    self.stack.template = self.template
    self.stack._parse_template()
    self.stack.output_map = self.stack._create_output_map()


ChangeSet.apply = apply_with_outputs

# moto knows Retain only. RetainExceptOnCreate is the same when a stack is deleted.
from moto.cloudformation.parsing import ResourceMap

delete_resources = ResourceMap.delete


def delete_but_retained(self):
    for resource in self._resource_json_map.values():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
    delete_resources(self)


ResourceMap.delete = delete_but_retained

from moto.server import main


class FunctionUrl(CloudFormationModel):
    # moto only finds models in its own modules.
    __module__ = "moto.awslambda.models"
    physical_resource_id = "function-url"

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::Lambda::Url"

    @classmethod
    def has_cfn_attr(cls, attr):
        return attr == "FunctionUrl"

    def get_cfn_attribute(self, attribute_name):
        return "https://example.lambda-url.us-east-1.on.aws/"

    @classmethod
    def create_from_cloudformation_json(cls, *_args, **_kwargs):
        return cls()

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, *_args, **_kwargs):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_args, **_kwargs):
        pass


# moto does not know the limits of an account.
from moto.awslambda import urls

urls.url_paths["{0}/2016-08-19/account-settings/?$"] = lambda *_args: (
    200,
    {},
    '{"AccountLimit": {"UnreservedConcurrentExecutions": 1000}}',
)

# Any free port. The server prints which.
main(["-H", "127.0.0.1", "-p", "0"])
