using System.Diagnostics;
using System.Reflection;
using ManagedCircle.Reference;
using Xunit;

namespace ManagedCircle.Tests.Repository;

/// <summary>How the projects are built.</summary>
public sealed class BuildTests
{
    [Fact]
    public void The_libraries_are_optimised_in_Debug_too() =>
        Assert.All((Type[])[typeof(CircleLoss), typeof(ReferenceLoss)], type =>
            Assert.False(type.Assembly.GetCustomAttribute<DebuggableAttribute>()!.IsJITOptimizerDisabled, type.Assembly.GetName().Name));
}
