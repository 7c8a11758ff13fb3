def _tree_impl(ctx):
    directory = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(
        inputs = ctx.files.srcs,
        outputs = [directory],
        command = "mkdir -p $1/deep && cp $2 $1/deep/copy && wc -c < $2 > $1/size && echo done >&2 && seq 1 3000",
        arguments = [directory.path, ctx.files.srcs[0].path],
    )
    return [DefaultInfo(files = depset([directory]))]

tree = rule(implementation = _tree_impl, attrs = {"srcs": attr.label_list(allow_files = True)})
